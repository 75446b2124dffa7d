-- Keeps the noted delivery of a record that is about to be replaced: its objects may be in the store, and are removed by it with the
-- generation. `superseded` has such deliveries with line feeds between. `delivery` is the new delivery, nil for none.
-- Answers what `superseded` becomes, or nil where it stays as it is.
local function superseded_by(delivery, noted, superseded)
  if not noted or noted == delivery then return nil end
  return superseded and superseded .. '\n' .. noted or noted
end
