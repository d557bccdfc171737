-- For wrk. After `--`: METHOD BODY_BYTES PIPELINED. At the end it prints one line that is easy to read for a program.
init = function(args)
  wrk.method = args[1]
  if tonumber(args[2]) > 0 then
    wrk.body = string.rep("x", tonumber(args[2]))
  end
  local pipelined = tonumber(args[3])
  if pipelined > 1 then
    -- Only where it is needed: without it, wrk sends the same bytes and calls nothing.
    local batch = string.rep(wrk.format(), pipelined)
    request = function()
      return batch
    end
  end
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d %d %d %d %d %d\n",
    summary.duration, summary.requests, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max, latency.mean))
end
