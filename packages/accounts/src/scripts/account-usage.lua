--- @include "@darkroom/redis/scripts/now"
--- @include "account"
-- What an API key has under way and has spent, as an admission counts it. KEYS[1] its account
local is = read_account(KEYS[1], now())
return { is.active, is.queued, is.reserved, is.day, is.month, is.total }
