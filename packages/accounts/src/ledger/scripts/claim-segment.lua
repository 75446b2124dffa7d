-- Fixes which entries of a day make up its next segment, and answers them: the same to every caller, until the segment is committed. Claim
-- and reading are one step, because a commit in between would move other entries to the front of the list.
--   KEYS[1] the day's entries  KEYS[2] how far the day's export has come
--   ARGV[1] most entries of a segment
-- Answers {offset, entries}, or nil where it is not known where the day's export stands.
local offset, claimed = unpack(redis.call('HMGET', KEYS[2], 'offset', 'claimed'))
if not offset then return nil end
local count = math.min(tonumber(claimed or ARGV[1]), redis.call('LLEN', KEYS[1]))
if count == 0 then
  -- A claim whose entries were removed would be looked for again and again.
  redis.call('HDEL', KEYS[2], 'claimed')
  return { tonumber(offset), {} }
end
redis.call('HSET', KEYS[2], 'claimed', count)
return { tonumber(offset), redis.call('LRANGE', KEYS[1], 0, count - 1) }
