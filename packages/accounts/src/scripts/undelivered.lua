--- @include "ledger"
-- The bill of an ending that has delivered nothing.

local nothing_charged = '0 0 0 0 0 -'

-- Where a provider may charge for it (`in_doubt`), the amount is unknown. `policy`, the BILL_UNDELIVERED under which the generation was
-- accepted, decides whether the reserved amount is billed: with 'reserved' always, with 'partials' if its owner canceled it after partial
-- images were shown.
local function bill_nothing(in_doubt, policy, status, was_shown, reserved)
  if not in_doubt then return read_bill(nothing_charged) end
  local is_billed = policy == 'reserved' or (policy == 'partials' and status == 'canceled' and was_shown())
  return read_bill('0 0 0 ' .. (is_billed and (reserved or '-') or '0') .. ' - -')
end
