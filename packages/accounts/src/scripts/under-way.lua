-- What a generation that has not ended adds to the sums of its key's account, as `admit`, `count_queued` and `settle` change them: the
-- account's name, then `active`, `queued` and `reserved`. See account.lua. `alive` and `queued` are 1, 0, or -1 for a subtraction.
local under_way_fields = { 'active', 'queued', 'reserved' }

local function under_way(root, key, of_batch, reserved, alive, queued)
  return root .. 'account:' .. key, of_batch and 0 or alive, of_batch and 0 or queued, alive * (tonumber(reserved) or 0)
end
