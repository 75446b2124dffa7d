--- @include "@darkroom/redis/scripts/now"
--- @include "asked"
--- @include "deployment-state"
-- Reads how a deployment stands. Reads only.
--   KEYS[1] its state, see deployment-state.lua  KEYS[2], KEYS[3] its calls under way, and what it was asked for: see choose-deployment.lua
-- Answers { calls under way, requests of the last minute, images of the last minute, milliseconds for which it is closed, why it was closed
-- or '', failures in a row, calls that it may have at a time while it is tried again or 0, milliseconds that a call takes or 0 }.
local time = now()
local state = read_state(KEYS[1], time)
local under_way = unless_wrong_type('ZCOUNT', KEYS[2], string.format('(%d', time), '+inf')
local sums = sums_of(read_asked(KEYS[3], math.floor(time / 1000)))
-- stylua: ignore
return { under_way or 0, sums[1], sums[2], math.max(state.closed_until - time, 0), state.reason or '', state.failures,
  state.pace or 0, state.service or 0 }
