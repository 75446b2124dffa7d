-- Removes a day that is over from the list of days, when all its entries are exported.
--   KEYS[1] the day's entries  KEYS[2] how far the day's export has come  KEYS[3] days with entries
--   ARGV[1] day  ARGV[2] how long the progress of the export is kept, in seconds
-- Answers 1, or 0 where entries are left or the day is not on the list any more.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return redis.call('SREM', KEYS[3], ARGV[1])
