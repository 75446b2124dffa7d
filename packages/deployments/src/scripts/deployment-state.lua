--- @include "unless-wrong-type"
-- How a deployment stands. In Redis it is a HASH of `closedUntil`, when it opens; `notedAt`, when that was written; `reason`: 'limit' or
-- 'failures'; `closings`, how many times it closed in a row; `failures` in a row; `pace`, how many calls it may have at a time while it is tried
-- again; `serviceMs`, how long its calls take in the mean; and of claims.lua.

-- No closing is as long: the longest is a quarter of an hour (deployment-limits.ts).
local longest_closing = 3600000

-- The number from 0 to `most` that a value holds, or nil. A value that is no number, or NaN, is none.
local function number_in(value, most)
  local number = tonumber(value)
  return number and number >= 0 and number <= most and number or nil
end

-- Reads it. What cannot be read counts for nothing, and neither does a closing from before a clock was set back: then the deployment is open.
-- `is_damaged`: the key is of another type.
local function read_state(name, time)
  local fields = unless_wrong_type(
    'HMGET',
    name,
    'closedUntil',
    'notedAt',
    'reason',
    'closings',
    'failures',
    'pace',
    'serviceMs',
    'claim',
    'claimRest',
    'batchClaim',
    'batchClaimRest'
  )
  local closed_until, noted_at, reason, closings, failures, pace, service, claim, rest, batch_claim, batch_rest = unpack(fields or {})
  local noted = number_in(noted_at, time)
  pace = number_in(pace, 1e6)
  return {
    is_damaged = fields == nil,
    closed_until = noted and number_in(closed_until, time + longest_closing) or 0,
    reason = (reason == 'limit' or reason == 'failures') and reason or nil,
    closings = number_in(closings, 1e6) or 0,
    failures = number_in(failures, 1e9) or 0,
    pace = pace and pace >= 1 and pace or nil,
    service = number_in(service, longest_closing),
    claim = claim or nil,
    claimRest = number_in(rest, time + longest_closing) or 0,
    batchClaim = batch_claim or nil,
    batchClaimRest = number_in(batch_rest, time + longest_closing) or 0,
  }
end
