// Fetches the front-end packages and lays out what the pages refer to:
//   <target>/tabler.min.css, htmx.min.js, icons.svg (the icons of icons.txt as one sprite), LICENSES.txt, stamp.txt
// Called by Postrider.csproj when one of its inputs changed:  node Web/FrontEnd/build.mjs <target folder> <lock folder>
// Two builds of the same working tree may run at once: the second waits for the first and finds its work done.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const project = resolve(here, "..", "..");
const target = resolve(project, process.argv[2]);
const lock = resolve(project, process.argv[3], "front-end.lock");
const inputs = [join(project, "package.json"), join(project, "package-lock.json"), join(here, "icons.txt"), join(here, "build.mjs")];
const wanted = createHash("sha256").update(inputs.map(file => readFileSync(file)).join("\0")).digest("hex");

const fetchLimit = 120_000; // milliseconds, for one npm ci
const waitLimit = 300_000; // milliseconds: two of them and the rest
const pause = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function takeLock() {
  mkdirSync(dirname(lock), { recursive: true });
  for (let waited = 0; ; waited += 200) {
    try {
      mkdirSync(lock);
      return;
    } catch (failure) {
      if (failure.code !== "EEXIST") throw failure;
    }
    // The folder of a build that was killed stays behind.
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > waitLimit) rmSync(lock, { recursive: true, force: true });
    else if (waited > waitLimit) throw new Error(`Another build holds ${lock}.`);
    else pause(200);
  }
}

function upToDate() {
  const stamp = join(target, "stamp.txt");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) return false;
  // Only a file's date changed (a checkout): MSBuild compares dates, so say that this one is younger.
  utimesSync(stamp, new Date(), new Date());
  return true;
}

function fetchPackages() {
  // A connection that never answers ends in words instead of holding the build; the second try finds most of it in npm's cache.
  const command = "npm ci --no-audit --no-fund --no-progress --ignore-scripts --loglevel=error";
  let failure = "";
  for (let tries = 0; tries < 2; tries++) {
    // exec: the signal at the end of the time limit reaches npm itself, not only a shell before it.
    const npm = spawnSync(process.platform === "win32" ? command : `exec ${command}`, { cwd: project, shell: true, encoding: "utf8", timeout: fetchLimit });
    if (npm.status === 0) return;
    failure = npm.error?.code === "ETIMEDOUT" ? `it did not end within ${fetchLimit / 1000} seconds; check the way to the package registry (npm ping)` : npm.error?.message ?? npm.stderr;
  }
  throw new Error(`npm ci failed: ${failure}`);
}

function symbol(name) {
  const file = join(project, "node_modules/@tabler/icons/icons/outline", `${name}.svg`);
  if (!existsSync(file)) throw new Error(`icons.txt names ${name}, which @tabler/icons does not have.`);
  const inner = readFileSync(file, "utf8").replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s+/g, " ").trim();
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
}

function layOut(folder) {
  const packages = join(project, "node_modules");
  mkdirSync(folder, { recursive: true });
  // Without its last line: the map it names is not shipped, and browsers would ask for it.
  writeFileSync(join(folder, "tabler.min.css"), readFileSync(join(packages, "@tabler/core/dist/css/tabler.min.css"), "utf8").replace(/\/\*# sourceMappingURL=.*?\*\/\s*$/, ""));
  cpSync(join(packages, "htmx.org/dist/htmx.min.js"), join(folder, "htmx.min.js"));
  const names = readFileSync(join(here, "icons.txt"), "utf8").split(/\s+/).filter(name => name.length > 0);
  writeFileSync(join(folder, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${names.map(symbol).join("")}</svg>`);
  const licences = ["@tabler/icons", "htmx.org"].map(name => `${name}\n\n${readFileSync(join(packages, name, "LICENSE"), "utf8")}`);
  const tabler = JSON.parse(readFileSync(join(packages, "@tabler/core/package.json"), "utf8"));
  writeFileSync(join(folder, "LICENSES.txt"), [`@tabler/core ${tabler.version}: ${tabler.license} licence, ${tabler.homepage}`, ...licences].join("\n\n----\n\n"));
  writeFileSync(join(folder, "stamp.txt"), wanted);
}

takeLock();
try {
  if (!upToDate()) {
    fetchPackages();
    const fresh = `${target}.new`;
    rmSync(fresh, { recursive: true, force: true });
    layOut(fresh);
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
  }
} catch (failure) {
  // The form MSBuild shows as its own error.
  console.error(`build.mjs : error PR0002: ${failure.message.trim().replaceAll("\n", " ")}`);
  process.exitCode = 1;
} finally {
  rmSync(lock, { recursive: true, force: true });
}
