--- @include "supersede"
-- Notes what the provider delivered, before it is uploaded, and which images no attempt requests again.
--   KEYS[1] record  ARGV[1] fencing token  ARGV[2] delivery  ARGV[3] missing images  ARGV[4] '1' where the provider may charge for any
-- Answers 'ok', or 'fenced' where the attempt may not write any more.
local status, attempts = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts'))
if status ~= 'running' or attempts ~= ARGV[1] then return 'fenced' end
supersede(ARGV[2])
redis.call('HSET', KEYS[1], 'delivery', ARGV[2], 'missing', ARGV[3])
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'inDoubt', '1') end
return 'ok'
