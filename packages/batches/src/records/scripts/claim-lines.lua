-- Claims ended lines for the next segment of results. Every caller gets the same lines until the segment is committed.
--   KEYS[1] batch  KEYS[2] ended lines of the batch  ARGV[1] the most lines of a segment  ARGV[2] the fewest
--   ARGV[3] the number of a segment that the store refuses, or '': its lines are claimed for the next one, as many as ARGV[1] of them
-- Answers the number of the segment and its lines, or nothing where there are too few.
local claimed, segment = unpack(redis.call('HMGET', KEYS[1], 'claimed', 'segments'))
if not claimed then
  claimed = math.min(redis.call('LLEN', KEYS[2]), tonumber(ARGV[1]))
  if claimed < tonumber(ARGV[2]) then return {} end
  redis.call('HSET', KEYS[1], 'claimed', claimed)
end
segment = tonumber(segment) or 0
if tonumber(ARGV[3]) == segment then
  claimed = math.min(claimed, tonumber(ARGV[1]))
  segment = segment + 1
  redis.call('HSET', KEYS[1], 'claimed', claimed, 'segments', segment)
end
return { segment, redis.call('LRANGE', KEYS[2], 0, claimed - 1) }
