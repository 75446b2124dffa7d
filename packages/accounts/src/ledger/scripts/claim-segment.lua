-- Claims the entries of a day's next segment, and answers them. Every caller gets the same entries until the segment is committed. Claim
-- and reading are one step, because a commit in between would move other entries to the front of the list.
--   KEYS[1] the day's entries  KEYS[2] how far the day's export has come
--   ARGV[1] most entries of a segment
-- Answers {offset, entries}, or nil where Redis does not know how far the day's export has come.
local offset, claimed = unpack(redis.call('HMGET', KEYS[2], 'offset', 'claimed'))
if not offset then return nil end
local count = math.min(tonumber(claimed or ARGV[1]), redis.call('LLEN', KEYS[1]))
if count == 0 then
  -- A claim whose entries were removed would be answered for ever.
  redis.call('HDEL', KEYS[2], 'claimed')
  return { tonumber(offset), {} }
end
redis.call('HSET', KEYS[2], 'claimed', count)
return { tonumber(offset), redis.call('LRANGE', KEYS[1], 0, count - 1) }
