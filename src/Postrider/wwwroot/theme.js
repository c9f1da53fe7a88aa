// Before the first paint: dark or light as the system says, and a sign for the style sheet that script runs.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
follow();
dark.addEventListener("change", follow);
document.documentElement.classList.add("pr-script");
