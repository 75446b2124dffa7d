--- @include "calendar"
-- Writes one entry of the ledger for each ending, and adds it to the sums of the day.
--   root .. 'ledger:' .. day                  LIST of entries as JSON (contracts: ledger-entry.ts); complete when the day is over
--   root .. 'ledger-days'                     SET of the days that have such a list
--   root .. 'usage:' .. day .. ':' .. tenant  HASH: '{key} {model} {measure}' → sum
--   root .. 'usage-tenants:' .. day           SET of the tenants that have such a hash

-- A year and a month, so that a month can be compared with that of the last year.
local usage_kept_seconds = 400 * 86400

local measures = { 'images', 'input_tokens', 'output_tokens', 'cost', 'unbilled', 'provider_cost' }

-- 'images inputTokens outputTokens cost providerCost provider', '-' for what is not known.
local function read_bill(text)
  local images, input, output, cost, provider_cost, provider = string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return {
    images = images,
    input_tokens = input,
    output_tokens = output,
    cost = cost,
    provider_cost = provider_cost,
    provider = provider,
  }
end

local function or_null(value)
  return value == '-' and 'null' or value
end

-- The patterns of ids and names allow no character that JSON must escape.
local entry_format = '{"id":"%s:%d","generation":"%s","status":"%s","tenant":"%s","key_id":"%s","model":"%s","provider":%s,'
  .. '"images":%s,"input_tokens":%s,"output_tokens":%s,"cost":%s,"unbilled":%d,"provider_cost":%s,"created_at_ms":%s,"ended_at_ms":%d}'

local function enter(root, generation, bill, time)
  local day = calendar(time)
  local provider = bill.provider == '-' and 'null' or '"' .. bill.provider .. '"'
  -- stylua: ignore
  local entry = string.format(entry_format,
    generation.id, generation.version, generation.id, generation.status, generation.tenant, generation.key, generation.model,
    provider, bill.images, bill.input_tokens, bill.output_tokens, or_null(bill.cost), bill.unbilled, or_null(bill.provider_cost),
    generation.created, time)
  if redis.call('RPUSH', root .. 'ledger:' .. day, entry) == 1 then redis.call('SADD', root .. 'ledger-days', day) end

  local usage = root .. 'usage:' .. day .. ':' .. generation.tenant
  local row = generation.key .. ' ' .. generation.model .. ' '
  if redis.call('HINCRBY', usage, row .. generation.status, 1) == 1 then
    local tenants = root .. 'usage-tenants:' .. day
    redis.call('SADD', tenants, generation.tenant)
    redis.call('EXPIRE', tenants, usage_kept_seconds)
    redis.call('EXPIRE', usage, usage_kept_seconds)
  end
  if bill.cost == '-' then redis.call('HINCRBY', usage, row .. 'unpriced', 1) end
  if bill.provider_cost == '-' then redis.call('HINCRBY', usage, row .. 'provider_cost_unknown', 1) end
  for index = 1, #measures do
    local amount = bill[measures[index]]
    if amount ~= '-' and tonumber(amount) ~= 0 then redis.call('HINCRBY', usage, row .. measures[index], amount) end
  end
end
