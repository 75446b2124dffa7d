--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/queued"
--- @include "generation"
--- @include "recount"
-- Puts a running generation back in line after the upstream's rate limit refused its attempt. The attempt bought nothing and does not count.
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] milliseconds for which it may be refused so, from the first time on, where it has no deadline
-- Answers 'ok', 'fenced', or 'late' where it may wait no longer: then it still runs, and its attempt must end it.

-- stylua: ignore
local status, attempts, version, watchers, key, batch, resumes, counted, first, delivery, missing, expires, since, handbacks, limits =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'version', 'watchers', 'keyId', 'batchId', 'resumesAt', 'counted',
    'firstAttempt', 'delivery', 'missing', 'expiresAt', 'limitedSince', 'handbacks', 'rateLimits'))
if attempts ~= ARGV[2] then return 'fenced' end
-- Done before, and the answer was lost. See postpone.lua.
if status == 'queued' and resumes then return 'ok' end
if status ~= 'running' then return 'fenced' end
local time = now()
since = since or string.format('%d', time)
-- No earlier attempt requested anything, and this attempt bought nothing, so the generation has not begun.
local unbegun = first == attempts and not delivery and not missing
-- One that has not begun expires by its deadline, as if no worker had looked at it.
if not (unbegun and expires) and time >= tonumber(expires or since + ARGV[3]) then return 'late' end
if unbegun then
  redis.call('HDEL', KEYS[1], 'startedAt', 'firstAttempt')
  if expires then redis.call('ZADD', KEYS[4], expires, ARGV[1]) end
end
-- stylua: ignore
move(ARGV[1], version, watchers, { 'status', 'queued', 'resumesAt', string.format('%d', time), 'limitedSince', since,
  'handbacks', (tonumber(handbacks) or 0) + 1, 'rateLimits', (tonumber(limits) or 0) + 1 })
if not batch then count_queued(root, key, 1) end
count_move(root, counted, KEYS[5], '', key, batch, 0, 0, 1)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], time, ARGV[1])
return 'ok'
