--- @include "@darkroom/accounts/scripts/under-way"
-- An audit (audit.lua) recounts the sums of accounts and lanes, record by record, while records move. To keep its sums right at every
-- moment, each move of a record that it has counted changes them in the same script.
--   root .. 'audit'       HASH: where the audit is; `epoch` names the pass that counts at present, and is absent where none does
--   root .. 'audit-sums'  HASH '{name of a hash} {its field}' → what the records say it should be
-- A record that was counted says so: its field `counted` is the epoch.

local function recount(root, pending, tenant, key, batch, reserved, alive, queued)
  local sums = root .. 'audit-sums'
  local account, active, waiting, held = under_way(root, key, batch, reserved, alive, queued)
  if active ~= 0 then redis.call('HINCRBY', sums, account .. ' active', active) end
  if waiting ~= 0 then redis.call('HINCRBY', sums, account .. ' queued', waiting) end
  if held ~= 0 then redis.call('HINCRBY', sums, account .. ' reserved', held) end
  if alive ~= 0 then redis.call('HINCRBY', sums, pending .. ' ' .. tenant, alive) end
end

-- For a record that begins a life: the audit may have passed its place, so it is counted here.
local function count_new(root, record, pending, tenant, key, batch)
  local epoch = redis.call('HGET', root .. 'audit', 'epoch')
  if not epoch then return end
  redis.call('HSET', record, 'counted', epoch)
  recount(root, pending, tenant, key, batch, redis.call('HGET', record, 'reserved'), 1, 1)
end

-- For a record that moves. One that was not counted yet is counted as what it is by then.
local function count_move(root, counted, pending, tenant, key, batch, reserved, alive, queued)
  if counted and counted == redis.call('HGET', root .. 'audit', 'epoch') then
    recount(root, pending, tenant, key, batch, reserved, alive, queued)
  end
end
