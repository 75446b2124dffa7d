-- Keeps the noted delivery of a record that is about to be replaced: its objects may be in the store, and are removed by it with the
-- generation. `superseded` has such deliveries with line feeds between. `delivery` is the new delivery, nil for none.
local function supersede(delivery)
  local noted, superseded = unpack(redis.call('HMGET', KEYS[1], 'delivery', 'superseded'))
  if not noted or noted == delivery then return end
  redis.call('HSET', KEYS[1], 'superseded', superseded and superseded .. '\n' .. noted or noted)
end
