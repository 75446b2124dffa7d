-- Commits a claim: moves a day's export on, unless another process has done so.
--   KEYS[1] the day's entries  KEYS[2] how far the day's export has come
--   ARGV[1] offset of the claim  ARGV[2] entries of the claim  ARGV[3] the new offset  ARGV[4] entries that are in the store now
-- Answers 1, or 0 where the claim does not exist any more.
local offset, claimed = unpack(redis.call('HMGET', KEYS[2], 'offset', 'claimed'))
if offset ~= ARGV[1] or claimed ~= ARGV[2] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[4], -1)
redis.call('HSET', KEYS[2], 'offset', ARGV[3])
redis.call('HDEL', KEYS[2], 'claimed')
return 1
