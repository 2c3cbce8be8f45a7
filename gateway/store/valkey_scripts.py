"""What the Valkey store does on the server: each script is one atomic step, and may be sent twice.

Every key that a script touches is named in KEYS, and all of them share a hash tag, as Redis Cluster and
proxies want it. Times are the server's, so that replicas whose clocks differ agree on who holds a lease.
"""

from __future__ import annotations

_NOW = """
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
"""

PUT = """
-- KEYS documents, leases, audit
-- ARGV rollout, expected revision, document, lease or '', its token, entry or '', its time, entries kept,
--      channel
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before == ARGV[3] then return 'there' end
local revision = before and string.match(before, '^(%d+) ') or '0'
if tonumber(revision) ~= tonumber(ARGV[2]) then return {'conflict', revision} end
if ARGV[4] ~= '' then
  local row = redis.call('HGET', KEYS[2], ARGV[4])
  if row and string.match(row, '^%d+') ~= ARGV[5] then return {'fenced', revision} end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[7], ARGV[6])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[8]))
end
redis.call('PUBLISH', ARGV[9], ARGV[1])
return 'put'
"""

APPEND = """
-- KEYS audit   ARGV entry, its time, entries kept
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
return 1
"""

REPLACE = """
-- KEYS a hash   ARGV field, the value that is there, the one that shall be
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

CLAIM = """
-- KEYS secrets   ARGV name, proposal
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
"""

ACQUIRE = (
    _NOW
    + """
-- KEYS leases   ARGV name, holder, milliseconds. A lease is 'token until holder'.
local at = now()
local token, till, owner = 0, 0, ''
local row = redis.call('HGET', KEYS[1], ARGV[1])
if row then
  local a, b, c = string.match(row, '^(%d+) (%d+) (.*)$')
  token, till, owner = tonumber(a) or 0, tonumber(b) or 0, c
end
if till > at and owner ~= ARGV[2] then return false end
-- From the clock, so that tokens grow even over a loss of all data.
if till <= at then token = math.max(token + 1, at) end
token = string.format('%.0f', token)
local ends = string.format('%.0f', at + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], ARGV[1], token .. ' ' .. ends .. ' ' .. ARGV[2])
return token
"""
)

RELEASE = """
-- KEYS leases   ARGV name, token, holder
local row = redis.call('HGET', KEYS[1], ARGV[1])
if row then
  local token, till, owner = string.match(row, '^(%d+) (%d+) (.*)$')
  if token == ARGV[2] and owner == ARGV[3] then
    redis.call('HSET', KEYS[1], ARGV[1], token .. ' 0 ' .. owner)
  end
end
return 1
"""

BEAT = (
    _NOW
    + """
-- KEYS replicas   ARGV replica, heartbeat, milliseconds. A heartbeat is 'until signed'.
local at = now()
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  if (tonumber(string.match(rows[i + 1], '^(%d+) ')) or 0) <= at then redis.call('HDEL', KEYS[1], rows[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', at + tonumber(ARGV[3])) .. ' ' .. ARGV[2])
return 1
"""
)

REPLICAS = (
    _NOW
    + """
-- KEYS replicas
local at, alive = now(), {}
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  local till, signed = string.match(rows[i + 1], '^(%d+) (.*)$')
  if (tonumber(till) or 0) > at then
    alive[#alive + 1] = rows[i]
    alive[#alive + 1] = signed
  end
end
return alive
"""
)

# Writes values that were computed from other values, on the condition that those are still there; else says
# which are not, and writes nothing.
_SWAP = """
local function swap(first, at, milliseconds)
  local stale = {}
  for i = at, #ARGV, 4 do
    local value = redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) or ''
    if value ~= ARGV[i + 2] then stale[#stale + 1] = ARGV[i + 1] end
  end
  if #stale > 0 then return stale end
  for i = at, #ARGV, 4 do
    redis.call('HSET', KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 3])
  end
  for i = first, #KEYS do redis.call('PEXPIRE', KEYS[i], milliseconds) end
  return stale
end
"""

APPLY = (
    _SWAP
    + """
-- KEYS ended, cells, units…
-- ARGV epoch, milliseconds, number of counters, then (counter, by how much)…, then (key, field, old, new)…
local ended = redis.call('GET', KEYS[1])
if ended and tonumber(ARGV[1]) <= tonumber(ended) then return false end
local first = 4 + 2 * tonumber(ARGV[3])
local stale = swap(3, first, ARGV[2])
if #stale > 0 then return stale end
for i = 4, first - 1, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return stale
"""
)

COUNT = """
-- KEYS ended, cells, senders   ARGV epoch, milliseconds, sender, number, then (counter, by how much)…
local ended = redis.call('GET', KEYS[1])
if ended and tonumber(ARGV[1]) <= tonumber(ended) then return false end
local last = redis.call('HGET', KEYS[3], ARGV[3])
if last and tonumber(ARGV[4]) <= tonumber(last) then return 'there' end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
for i = 5, #ARGV, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return 'counted'
"""

RECORD = (
    _SWAP
    + """
-- KEYS outcomes…   ARGV milliseconds, then (key, field, old, new)…
return swap(1, 2, ARGV[1])
"""
)

END = """
-- KEYS ended, cells, units…, senders   ARGV epoch, milliseconds
local ended = redis.call('GET', KEYS[1])
if not ended or tonumber(ended) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
for i = 2, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return 1
"""
