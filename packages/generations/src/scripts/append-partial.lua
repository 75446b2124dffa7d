-- Appends a partial image, and tells the watchers.
--   KEYS[1] record  KEYS[2] partial images
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] the partial image
-- Answers 'ok', also where it was appended before, or 'fenced' where the attempt may not write any more.
local status, attempts, watchers = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'watchers'))
if status ~= 'running' or attempts ~= ARGV[2] then return 'fenced' end
-- Done before, and the answer was lost.
if redis.call('LINDEX', KEYS[2], -1) == ARGV[3] then return 'ok' end
redis.call('RPUSH', KEYS[2], ARGV[3])
for channel in string.gmatch(watchers or '', '%S+') do
  redis.call('PUBLISH', channel, ARGV[1] .. ' changed')
end
return 'ok'
