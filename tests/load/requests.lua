-- What wrk sends, and what it tells of it in the last line that it prints.
--
-- Arguments after the address, each as name=value:
--   threads   of wrk
--   seconds   of sending
--   bodies    file with the body of a request a line; without it the requests are GETs
--   deadline  X-Deadline-Ms
--   interval  seconds between the requests of a thread, whatever comes back; without it a connection sends its next
--             request as soon as it has its answer
--   watched   1 keeps the status and the time of each answer, which costs wrk the parsing of all headers

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } instant; int clock_gettime(int clock, instant *now);")

local MONOTONIC = 1 -- on Linux; Python's time.monotonic() reads the same clock
local NEVER = 1e9 -- milliseconds
local PLACE = "ID-OF-THE-REQUEST"

local instant = ffi.new("instant")
local threads = {} -- in the environment of setup() and done()
local given = {}
local sent, answers = {}, {}
local heads, tails = {}, {}
local verified = false
local begun = nil
local slots = 0

local function now()
   ffi.C.clock_gettime(MONOTONIC, instant)
   return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

local function record()
   local times = {}
   for index, time in ipairs(sent) do times[index] = string.format("%.6f", time) end
   return string.format('{"sent":[%s],"answers":[%s]}', table.concat(times, ","), table.concat(answers, ","))
end

local function keep(text)
   local first, last = text:find(PLACE, 1, true)
   heads[#heads + 1] = text:sub(1, first - 1)
   tails[#tails + 1] = text:sub(last + 1)
end

local function due_in()
   begun = begun or now()
   local offset = (slots + number / given.threads) * given.interval
   slots = slots + 1
   if offset >= given.seconds then return NEVER end
   return math.max(0, begun + offset - now()) * 1000
end

local function watch(status, headers)
   local time, id = now(), tonumber(headers["x-request-id"]) -- none where uvicorn itself refuses
   answers[#answers + 1] = string.format("[%s,%.6f,%d]", id or "null", time, status)
end

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

function init(args)
   for _, argument in ipairs(args) do
      local name, value = argument:match("^(%w+)=(.*)$")
      given[name] = tonumber(value) or value
   end
   wrk.headers["X-Request-ID"] = PLACE
   if given.deadline then wrk.headers["X-Deadline-Ms"] = tostring(given.deadline) end
   if given.bodies then
      wrk.headers["Content-Type"] = "application/json"
      local line = 0
      for body in io.lines(given.bodies) do
         if line % given.threads == number then keep(wrk.format("POST", nil, nil, body)) end
         line = line + 1
      end
   else
      keep(wrk.format("GET"))
   end
   verified = number ~= 0
   delay = given.interval and due_in or nil
   response = given.watched and watch or nil
   -- A thread is not told of its end, and wrk hands over no tables without losing its stack: the record is made when
   -- done() asks for it.
   setmetatable(_G, { __index = function(_, name) return name == "record" and record() or nil end })
end

function request()
   local count = #sent + 1
   local which = (count - 1) % #heads + 1
   -- The first request of the first thread is never sent: wrk looks whether it is one.
   if verified then sent[count] = now() end
   verified = true
   return heads[which] .. count .. tails[which]
end

function done(summary)
   local records = {}
   for index, thread in ipairs(threads) do records[index] = thread:get("record") end
   local errors = summary.errors
   print(string.format(
      '{"answered":%d,"refused":%d,"broken":%d,"cpu_seconds":%.3f,"threads":[%s]}',
      summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout, os.clock(),
      table.concat(records, ",")
   ))
end
