--- @include "tenant-memory"
-- Gives a packed record back the fields that it was packed from. Safe to repeat.
--   KEYS[1] record  KEYS[2] the root of all names
--   ARGV[1] version  ARGV[2…] field, value, …
-- Answers 'ok', also where it is not packed, or 'changed' where it is another version or gone.
local version, packed, tenant, bytes = unpack(redis.call('HMGET', KEYS[1], 'version', 'packed', 'tenant', 'bytes'))
if version ~= ARGV[1] then return 'changed' end
if not packed then return 'ok' end
local fields = { unpack(ARGV, 2) }
local pieces = { 'packed' }
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.find(name, '^%d+$') then pieces[#pieces + 1] = name end
end
-- Its next ending is packed as well.
redis.call('HSET', KEYS[1], 'mayPack', '1', unpack(fields))
-- Where the record noted no delivery, this still stands there for an older release (pack-record.ts).
if redis.call('HGET', KEYS[1], 'delivery') == '?' then pieces[#pieces + 1] = 'delivery' end
redis.call('HDEL', KEYS[1], unpack(pieces))
if bytes then note_bytes(KEYS[2], KEYS[1], tenant, bytes, record_overhead + length_of(fields)) end
return 'ok'
