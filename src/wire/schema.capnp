# Messages of the rcopy protocol, version 1. What each means, and when it may be sent, is in PROTOCOL.md.
# Fields are only ever added, at the end; a reader ignores fields that it does not know.
@0xd7c5a1f0b3e94c62;

enum Role {
  sender @0;
  receiver @1;
}

enum Form {
  contents @0;
  file @1;
  several @2;
}

struct Hello {
  role @0 :Role;
  features @1 :UInt64;
  software @2 :Text;
  streams @3 :UInt32;
  timeoutMs @4 :UInt32;
  mtimeResolutionNs @5 :UInt32;
  creditBytes @6 :UInt32;
  batchEntries @7 :UInt32;
  dryRun @8 :Bool;
  session @9 :Data;
  laneTokens @10 :Data;
  form @11 :Form;
  name @12 :Data;
  mode @13 :UInt16;
  mtimeNanos @14 :UInt32;
  mtimeSeconds @15 :Int64;
  check @16 :Bool;
  returnSecret @17 :Data;
  returned @18 :Bool;
  placedFiles @19 :UInt64;
  placedLinks @20 :UInt64;
  placedBytes @21 :UInt64;
  placedSum @22 :Data;
  placedKept @23 :UInt64;
  placedPartial @24 :UInt64;
}

struct Destination {
  wantsAll @0 :Bool;
  nonce @1 :Data;
  hash @2 :Data;
  name @3 :Data;
}

struct Waiting {
}

struct Join {
  session @0 :Data;
  lane @1 :UInt32;
  token @2 :Data;
}

struct Joined {
}

struct Manifest {
  batch @0 :UInt32;
  groupDirectories @1 :List(UInt32);
  groupCounts @2 :List(UInt32);
  kinds @3 :List(UInt8);
  modes @4 :List(UInt16);
  sizes @5 :List(UInt64);
  mtimeSeconds @6 :List(Int64);
  mtimeNanos @7 :List(UInt32);
  names @8 :Data;
  linkTargets @9 :Data;
  closed @10 :List(UInt32);
  stamps @11 :Data;
}

struct ManifestEnd {
  batches @0 :UInt32;
  entries @1 :UInt64;
  bytes @2 :UInt64;
}

struct Credit {
  bytes @0 :UInt32;
}

struct Wants {
  batch @0 :UInt32;
  all @1 :Bool;
  bitmap @2 :Data;
  kept @3 :List(UInt32);
  compared @4 :List(UInt32);
}

struct Kept {
  batch @0 :UInt32;
  entry @1 :UInt32;
  first @2 :UInt32;
  bitmap @3 :Data;
  hashes @4 :Data;
  more @5 :Bool;
  basis @6 :Bool;
}

struct FileHashes {
  batch @0 :UInt32;
  entries @1 :List(UInt32);
  hashes @2 :Data;
  unread @3 :List(UInt32);
}

struct Compared {
  batch @0 :UInt32;
  equal @1 :List(UInt32);
  different @2 :List(UInt32);
}

struct Blocks {
  batch @0 :UInt32;
  entry @1 :UInt32;
  first @2 :UInt32;
  hashes @3 :Data;
  more @4 :Bool;
}

struct Extent {
  batch @0 :UInt32;
  entry @1 :UInt32;
  index @2 :UInt32;
}

struct Patch {
  batch @0 :UInt32;
  entry @1 :UInt32;
  index @2 :UInt32;
  blocks @3 :UInt32;
}

struct Bundle {
  batch @0 :UInt32;
  entries @1 :List(UInt32);
  unsized @2 :Bool;
  grown @3 :List(UInt32);
}

struct Piece {
}

struct Hashes {
  hashes @0 :Data;
}

struct FileVerified {
  batch @0 :UInt32;
  entry @1 :UInt32;
  hash @2 :Data;
  grown @3 :Bool;
}

struct Failure {
  code @0 :UInt16;
  text @1 :Text;
  place :union {
    entry :group {
      batch @2 :UInt32;
      index @3 :UInt32;
    }
    name :group {
      directory @4 :UInt32;
      component @5 :Data;
    }
  }
}

struct Resend {
  batch @0 :UInt32;
  entry @1 :UInt32;
  extent @2 :UInt32;
}

struct BatchSettled {
  batch @0 :UInt32;
  failed @1 :List(UInt32);
  held @2 :List(UInt32);
  skipped @3 :List(UInt32);
}

struct HeldSettled {
  batches @0 :List(UInt32);
  entries @1 :List(UInt32);
  outcomes @2 :List(UInt8);
}

struct Receipt {
  files @0 :UInt64;
  directories @1 :UInt64;
  links @2 :UInt64;
  bytes @3 :UInt64;
  skipped @4 :UInt64;
  failed @5 :UInt64;
  changed @6 :UInt64;
  treeCount @7 :UInt64;
  treeSum @8 :Data;
  durable @9 :Bool;
  grown @10 :UInt64;
  replaced @11 :UInt64;
  differing @12 :UInt64;
}

struct Ping {
  id @0 :UInt32;
}

struct Pong {
  id @0 :UInt32;
}

struct Close {
  code @0 :UInt16;
  text @1 :Text;
}

enum AuthMethod {
  ticket @0;
  ssh @1;
}

struct AuthStart {
  method @0 :AuthMethod;
  nonce @1 :Data;
  publicKey @2 :Data;
}

struct AuthChallenge {
  nonce @0 :Data;
}

struct AuthProof {
  secret @0 :Data;
  signature @1 :Data;
}

struct LaneRequest {
  count @0 :UInt32;
}

struct LaneOffer {
  lane @0 :UInt32;
  token @1 :Data;
  addresses @2 :Data;
}

struct Taken {
  lane @0 :UInt32;
  units @1 :UInt64;
  bytes @2 :UInt64;
}
