-- Ends a generation that nobody works on: one that was not begun, or is to be tried again.
--   ARGV[1] id  ARGV[2] retention in milliseconds  ARGV[3] status that it ends as  ARGV[4…] field, value, … of the record
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then return 'kept' end
end_generation(ARGV[1], ARGV[3], ARGV[2], { unpack(ARGV, 4) }, '')
return 'ok'
