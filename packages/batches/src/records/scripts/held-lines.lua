--- @include "@darkroom/accounts/scripts/tenant-use"
-- The lines for which a batch stands in the sum of its tenant: all of them when it is accepted, and fewer as they end.

local function hold_lines(root, batch, tenant, lines, time)
  redis.call('HSET', batch, 'heldLines', lines)
  change_use(root, tenant, { lines = lines }, time)
end

-- Gives back all but so many. A batch of an older release holds none.
local function give_back_lines(root, batch, lines, time)
  local tenant, held = unpack(redis.call('HMGET', batch, 'tenant', 'heldLines'))
  held = tonumber(held) or 0
  if held <= lines then return end
  redis.call('HSET', batch, 'heldLines', lines)
  change_use(root, tenant, { lines = lines - held }, time)
end
