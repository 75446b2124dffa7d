-- Notes that the job of a running attempt is missing, so that it is checked again sooner.
--   KEYS[1] record  KEYS[2] running  ARGV[1] id  ARGV[2] number of the attempt  ARGV[3] time by which the list has it
-- Answers 'ok', or 'moved' where the attempt runs no more.
local status, attempts = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts'))
if status ~= 'running' or attempts ~= ARGV[2] then return 'moved' end
redis.call('HSET', KEYS[1], 'jobMissing', attempts)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 'ok'
