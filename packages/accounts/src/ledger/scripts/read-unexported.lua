-- Reads a page of the entries that are still in Redis, by their places in the whole day, so that a concurrent export does not shift them.
--   KEYS[1] the day's entries  KEYS[2] how far the day's export has come
--   ARGV[1] place of the first entry to read  ARGV[2] entries of a page  ARGV[3] how far the export has come if Redis does not know
-- Answers {place of the first entry in Redis, entries from ARGV[1] on}.
local offset = tonumber(redis.call('HGET', KEYS[2], 'offset') or ARGV[3])
local first = math.max(tonumber(ARGV[1]) - offset, 0)
return { offset, redis.call('LRANGE', KEYS[1], first, first + ARGV[2] - 1) }
