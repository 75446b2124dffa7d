--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/queued"
--- @include "generation"
--- @include "recount"
-- Queues a running generation for another attempt. Until that begins, recovery watches it, and puts its job back if it is lost on the way to
-- the lane.
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] counter to raise: 'failures', or 'handbacks' for work given back unharmed
--   ARGV[4] pause in milliseconds  ARGV[5] '1' where a provider call may have been broken off: what it asked for may have been bought
-- Answers 'ok', also where it was postponed before, or 'fenced' where the attempt may not write any more.
local status, attempts, version, watchers, key, batch, resumes, counted, count =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'version', 'watchers', 'keyId', 'batchId', 'resumesAt', 'counted', ARGV[3]))
if attempts ~= ARGV[2] then return 'fenced' end
-- Done before, and the answer was lost. A retry by its owner, which queues it under the same number, takes the time away.
if status == 'queued' and resumes then return 'ok' end
if status ~= 'running' then return 'fenced' end
resumes = now() + ARGV[4]
move(ARGV[1], version, watchers, { 'status', 'queued', 'resumesAt', resumes, 'pauseMs', ARGV[4], ARGV[3], (tonumber(count) or 0) + 1 })
if not batch then count_queued(root, key, 1) end
count_move(root, counted, KEYS[5], '', key, batch, 0, 0, 1)
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'brokenOff', attempts, 'inDoubt', '1') end
redis.call('ZADD', KEYS[3], resumes, ARGV[1])
return 'ok'
