--- @include "ledger"
-- What an ending takes that has delivered nothing. `text` is its bill, or '' unless it is certain that no provider charges for it.

local nothing_charged = '0 0 0 0 0 -'

-- Where a provider may charge for it (`in_doubt`), the amount is unknown. It is billed what was reserved for it where `policy`, the
-- BILL_UNDELIVERED under which it was accepted, says so: 'reserved' does in any case, 'partials' where its owner has canceled it after
-- partial images were shown.
local function bill_nothing(in_doubt, policy, status, was_shown, reserved)
  if not in_doubt then return read_bill(nothing_charged) end
  local is_billed = policy == 'reserved' or (policy == 'partials' and status == 'canceled' and was_shown())
  return read_bill('0 0 0 ' .. (is_billed and (reserved or '-') or '0') .. ' - -')
end
