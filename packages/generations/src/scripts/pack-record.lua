--- @include "tenant-memory"
-- Packs the record of a generation that has ended: what stays as it is, the script reads at this moment; the rest was compressed by the
-- caller from the record of this version. Safe to repeat.
--   KEYS[1] record  KEYS[2] the root of all names
--   ARGV[1] version  ARGV[2] names of the fields that stay, with spaces between  ARGV[3…] field, value, … of the packed part
-- Answers 'ok', also where it is packed already, or 'changed' where it is another version, has not ended or is gone.
local status, version, packed, tenant, bytes = unpack(redis.call('HMGET', KEYS[1], 'status', 'version', 'packed', 'tenant', 'bytes'))
if packed then return 'ok' end
if version ~= ARGV[1] or status == 'queued' or status == 'running' then return 'changed' end
local fields = { unpack(ARGV, 3) }
for name in string.gmatch(ARGV[2], '%S+') do
  local value = redis.call('HGET', KEYS[1], name)
  if value then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
-- A hash that Redis keeps as a table stays one, so a new one is made. DEL comes first also because a Redis at its memory limit does not
-- refuse it, nor what follows it in the same script: packing makes room.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(fields))
if bytes then note_bytes(KEYS[2], KEYS[1], tenant, bytes, packed_overhead + length_of(fields)) end
return 'ok'
