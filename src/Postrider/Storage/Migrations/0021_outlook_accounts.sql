-- Accounts that consented (OutlookAccounts): one row for each (tenant, person), used by any number of servers.
-- Tokens are sealed by Data Protection. The previous refresh token is kept until the new one has been used: Microsoft lets both live.
-- proved_*: the last sign-in to a mailbox with a token of this account. problem: JSON; needs_sign_in = 1: only a person can mend it, nothing is asked until then.
CREATE TABLE outlook_account(
  id BLOB NOT NULL PRIMARY KEY,
  tenant_id BLOB NOT NULL,
  object_id BLOB NOT NULL,
  client_id TEXT NOT NULL,
  user_name TEXT NOT NULL,
  user_key TEXT NOT NULL,
  display_name TEXT,
  scope TEXT NOT NULL,
  refresh_token BLOB NOT NULL,
  previous_refresh_token BLOB,
  access_token BLOB NOT NULL,
  access_token_expires_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  keep_alive_at INTEGER NOT NULL,
  connected_at INTEGER NOT NULL,
  connected_by BLOB,
  proved_at INTEGER,
  proved_for TEXT,
  proved_by TEXT,
  needs_sign_in INTEGER NOT NULL DEFAULT 0,
  problem TEXT,
  problem_at INTEGER,
  raw_failure TEXT,
  UNIQUE(tenant_id, object_id)
) STRICT;
CREATE INDEX outlook_account_user ON outlook_account(user_key);
CREATE INDEX outlook_account_keep_alive ON outlook_account(keep_alive_at) WHERE needs_sign_in = 0;

-- Attempts to connect. state_hash and binding_hash: SHA-256 of what the address and the browser's cookie carry.
-- secrets: sealed JSON of nonce and PKCE verifier. pending: sealed JSON of tokens that wait for the answer to "another account signed in"; gone after expires_at.
-- phase: 0 at Microsoft, 1 came back, 2 asks whose mailbox it is, 3 done, 4 failed.
CREATE TABLE connect_request(
  id BLOB NOT NULL PRIMARY KEY,
  state_hash BLOB NOT NULL UNIQUE,
  binding_hash BLOB NOT NULL,
  kind TEXT NOT NULL,
  target_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  client_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  secrets BLOB,
  pending BLOB,
  phase INTEGER NOT NULL,
  problem TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX connect_request_target ON connect_request(kind, target_id, created_at);
