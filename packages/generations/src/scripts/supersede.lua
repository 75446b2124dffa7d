-- Keeps what the record says was delivered, where that is about to be replaced: objects of it may be in the store, and are found by it when
-- the generation is forgotten. `superseded` holds such deliveries with line feeds between. `delivery` is what takes its place, nil for none.
local function supersede(delivery)
  local noted, superseded = unpack(redis.call('HMGET', KEYS[1], 'delivery', 'superseded'))
  if not noted or noted == delivery then return end
  redis.call('HSET', KEYS[1], 'superseded', superseded and superseded .. '\n' .. noted or noted)
end
