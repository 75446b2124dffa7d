-- Notes what the provider delivered, before it is uploaded. KEYS[1] record  ARGV[1] fencing token  ARGV[2] delivery
if redis.call('HGET', KEYS[1], 'status') ~= 'running' or redis.call('HGET', KEYS[1], 'attempts') ~= ARGV[1] then
  return 'fenced'
end
redis.call('HSET', KEYS[1], 'delivery', ARGV[2])
return 'ok'
