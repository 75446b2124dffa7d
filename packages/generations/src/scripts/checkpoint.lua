--- @include "supersede"
-- Notes what the provider delivered, before it is uploaded, and which images no attempt requests again.
--   KEYS[1] record  ARGV[1] fencing token  ARGV[2] delivery  ARGV[3] missing images  ARGV[4] '1' where the provider may charge for any
-- Answers 'ok', or 'fenced' where the attempt may not write any more.
local status, attempts, noted, superseded = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'delivery', 'superseded'))
if status ~= 'running' or attempts ~= ARGV[1] then return 'fenced' end
local fields = { 'delivery', ARGV[2], 'missing', ARGV[3] }
local function set(field, value)
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
local kept = superseded_by(ARGV[2], noted, superseded)
if kept then set('superseded', kept) end
if ARGV[4] == '1' then set('inDoubt', '1') end
redis.call('HSET', KEYS[1], unpack(fields))
return 'ok'
