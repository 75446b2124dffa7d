-- Claims ended lines for the next segment of results. Every caller gets the same lines until the segment is committed.
--   KEYS[1] batch  KEYS[2] ended lines of the batch  ARGV[1] the most lines of a segment  ARGV[2] the fewest
-- Answers the number of the segment and its lines, or nothing where there are too few.
local claimed, segment = unpack(redis.call('HMGET', KEYS[1], 'claimed', 'segments'))
if not claimed then
  claimed = math.min(redis.call('LLEN', KEYS[2]), tonumber(ARGV[1]))
  if claimed < tonumber(ARGV[2]) then return {} end
  redis.call('HSET', KEYS[1], 'claimed', claimed)
end
return { tonumber(segment) or 0, redis.call('LRANGE', KEYS[2], 0, claimed - 1) }
