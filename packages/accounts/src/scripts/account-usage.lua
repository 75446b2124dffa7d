--- @include "@darkroom/redis/scripts/now"
--- @include "account"
-- What an API key has active and has spent, as an admission counts it.
--   KEYS[1] its account
-- Answers { active, queued, reserved, spent in the day, in the month, in total }.
local is = read_account(KEYS[1], now())
return { is.active, is.queued, is.reserved, is.day, is.month, is.total }
