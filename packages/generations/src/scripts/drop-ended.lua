--- @include "@darkroom/redis/scripts/now"
-- Ends the retention of a page of a tenant's ended generations, the oldest first: recovery removes them, images and all, as if it were over.
-- Lines of batches are left out; they are dropped when they are collected. Safe to repeat.
--   KEYS[1] the tenant's index  KEYS[2] retained  KEYS[3] the root of all names
--   ARGV[1] time of submission to begin from  ARGV[2] about the most generations to look at
--   ARGV[3] milliseconds for which a generation is left alone after its ending
--   ARGV[4] the same of one that has succeeded and that no caller was answered with: an equal request gets it (earlier-request.lua)
-- Answers { how many are dropped, the time to go on from, or -1 where there are no more }.
local time, most = now(), tonumber(ARGV[2])
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'LIMIT', 0, most, 'WITHSCORES')
local following = -1
if #found == 2 * most then
  -- All of one time are taken together, so that the next page begins behind that time.
  local last = found[#found]
  following = tonumber(last) + 1
  local seen = {}
  for at = 1, #found, 2 do
    seen[found[at]] = true
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], last, last)) do
    if not seen[id] then
      found[#found + 1] = id
      found[#found + 1] = last
    end
  end
end
local dropped = 0
for at = 1, #found, 2 do
  local id = found[at]
  local due = tonumber(redis.call('ZSCORE', KEYS[2], id))
  -- stylua: ignore
  local ended, batch, status, key, claim, answered =
    unpack(redis.call('HMGET', KEYS[3] .. 'generation:' .. id, 'endedAt', 'batchId', 'status', 'keyId', 'claim', 'answered'))
  -- A compressed one has no `keyId` where it has an idempotency key or was answered with.
  local is_open = status == 'succeeded' and key and not claim and not answered
  if due and due > time and ended and not batch and time - ended >= tonumber(is_open and ARGV[4] or ARGV[3]) then
    -- Taken off first, because a Redis at its memory limit refuses a script that begins with ZADD, and room is to be made in it.
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[2], time, id)
    dropped = dropped + 1
  end
end
return { dropped, following }
