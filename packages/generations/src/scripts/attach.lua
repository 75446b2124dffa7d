--- @include "@darkroom/redis/scripts/now"
--- @include "earlier-request"
-- Finds the generation of an earlier request that is equal to this one, and writes no new one. Safe to repeat.
--   KEYS[1] the root of all names
--   ARGV[1] id of the submission  ARGV[2] API key  ARGV[3] fingerprint of the body  ARGV[4] digest of the idempotency key, or ''
--   ARGV[5] caller  ARGV[6] '1' to watch, too  ARGV[7] '1' for a request that asks for a new generation
-- Answers { 'none' } where there is none, else as earlier-request.lua does.
return find_earlier({
  id = ARGV[1],
  key = ARGV[2],
  body = ARGV[3],
  claim = ARGV[4],
  caller = ARGV[5],
  watches = ARGV[6] == '1',
  force_new = ARGV[7],
}, now()) or { 'none' }
