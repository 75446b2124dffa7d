--- @include "fair-queue"
--- @include "generation"
--- @include "callers"
--- @include "recount"
--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/redis/scripts/quarantine"
--- @include "@darkroom/accounts/scripts/settlement"
--- @include "@darkroom/accounts/scripts/undelivered"
-- Shared by the scripts that may end a generation.

-- Sets the terminal state, once, and releases what a generation that has not ended holds. `fields` are further pairs for the record. `bill`
-- is its bill, as ledger.lua reads it, or '' when nothing was delivered. Then a provider may charge for a running attempt, and for a record
-- that is in doubt even if it does not charge for the last attempt. The account of its key is settled and the ledger is written in the same
-- script. Waiting api processes are told, and read the record.
local function end_generation(id, status, retention_ms, fields, bill)
  local time = now()
  -- stylua: ignore
  local was, tenant, watchers, webhook, version, key, model, created, doubt, reserved, batch, body, claim, claim_ms, answered, counted,
    policy, shown_before = unpack(redis.call('HMGET', KEYS[1], 'status', 'tenant', 'watchers', 'webhook', 'version', 'keyId', 'model',
      'createdAt', 'inDoubt', 'reserved', 'batchId', 'body', 'claim', 'claimMs', 'answered', 'counted', 'billUndelivered', 'shownBefore'))
  local in_doubt = (bill == '' and was == 'running') or (status ~= 'succeeded' and doubt == '1')
  local is_undelivered = bill == '' or bill == nothing_charged
  local price = tonumber(reserved) and reserved
  reserved = tonumber(reserved) or 0
  if is_undelivered then
    local function was_shown()
      return redis.call('LLEN', root .. 'partials:' .. id) > (tonumber(shown_before) or 0)
    end
    bill = bill_nothing(in_doubt, policy, status, was_shown, price)
  else
    bill = read_bill(bill)
  end
  -- The budget is charged the reserved amount for an ending that costs nothing and that a provider may charge for, and for one without a
  -- price.
  local spent = tonumber(bill.cost) or reserved
  if is_undelivered and in_doubt then spent = reserved end
  bill.unbilled = spent - (tonumber(bill.cost) or 0)
  settle(root, key, was == 'queued', reserved, spent, time, batch)
  count_move(root, counted, KEYS[5], tenant, key, batch, reserved, -1, was == 'queued' and -1 or 0)
  enter(root, {
    id = id,
    version = (tonumber(version) or 0) + 1,
    status = status,
    tenant = tenant,
    key = key,
    model = model,
    created = created,
  }, bill, time)
  local may_be_charged = status == 'failed' and in_doubt
  if may_be_charged then
    fields[#fields + 1] = 'mayBeCharged'
    fields[#fields + 1] = '1'
  end
  fields[#fields + 1] = 'cost'
  fields[#fields + 1] = bill.cost
  fields[#fields + 1] = 'status'
  fields[#fields + 1] = status
  fields[#fields + 1] = 'endedAt'
  fields[#fields + 1] = time
  move(id, version, watchers, fields)
  if was == 'running' then
    -- Its start removed it from the other two lists.
    redis.call('ZREM', KEYS[2], id)
  else
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
  end
  -- A line of a batch is kept until it has been collected, and not longer.
  if batch then
    redis.call('RPUSH', root .. 'batch-ended:' .. batch, id)
  else
    redis.call('ZADD', KEYS[6], time + retention_ms, id)
  end
  if webhook and string.find(webhook, status, 1, true) then
    redis.call('ZADD', KEYS[7], time, id .. ' ' .. (tonumber(version) or 0) + 1 .. ' ' .. status)
  end
  if watchers then redis.call('HDEL', KEYS[1], 'watchers') end
  -- The ending stands, and a repeated call changes nothing. So no damaged key may keep what is left from being done: the audit corrects the
  -- sum of the lane, and callers read the record again.
  pcall(function()
    if redis.call('HINCRBY', KEYS[5], tenant, -1) > 0 then return end
    redis.call('HDEL', KEYS[5], tenant)
    leave_ranks(KEYS[8], KEYS[5], tenant)
  end)
  pcall(function()
    if redis.call('EXISTS', root .. 'quarantine') == 0 then return end
    for _, kind in ipairs({ 'attempt', 'expiry', 'lost-job' }) do
      release(root, kind, { id })
    end
  end)
  if batch then return end
  pcall(tell_waiting, id)
  pcall(end_waiting, id, {
    status = status,
    key = key,
    body = body,
    claim = claim,
    claim_ms = claim_ms,
    answered = answered,
    may_be_charged = may_be_charged,
  })
end
