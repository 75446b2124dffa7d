-- Notes that an object is about to be written, so that it is found if the upload never reports its end.
--   KEYS[1] files-expiring  KEYS[2] files-dropping
--   ARGV[1] object  ARGV[2] Unix milliseconds until which its upload may take
-- Answers 1, or 0 where the object is being removed just now: what is written may be lost with it.
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
return 1
