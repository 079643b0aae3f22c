//! What the help of `bench` says of the columns.

/// The long help.
pub(crate) const WHAT_THE_COLUMNS_MEAN: &str = "\
Columns:
  contender        'line' is the yardstick itself, others are named trapline
  payload          bytes each way; for 'trapline get' the bytes of the key
  p50_ns, p99_ns   of samples; a sample is one operation, or the mean of a batch of at most 64
                   operations that takes some 4 µs where one takes less
  ops_per_s        operations over the wall time of the whole loop, clock and notes included
  line_p50_ns      mean of the line's p50 right before and right after, in the same processes
  ratio_to_line    p50_ns / line_p50_ns
  syscalls_per_op  system calls of both processes, counted by the kernel; null where it does not
                   let us
  cpu              processor seconds of both processes in a second of wall time; a round tells it
                   to some hundredths, because the kernel adds it up at its ticks

A column that says nothing of a case or contender is null, and a dash in the table. Some cases have
more columns:
  oneway           two threads instead of two processes, and records instead of operations: a sample
                   is the mean of as many as take some 4 µs, 4096 at most, as the receiver sees
                   them; ratio_to_rtrb: ops_per_s / ops_per_s of 'rtrb' in the same round, a queue
                   of the same memory with records of the same size, at 8, 64 and 256 bytes; more
                   than 1 is faster than rtrb; 'trapline' publishes each record, 'trapline batch'
                   every 2 KiB
  cold             ratio_to_bare: p50_ns / p50_ns of 'bare futex', measured right before or after in
                   the same processes: a ping-pong of two words on which both ends sleep;
                   parks_per_op: how often the first process went to sleep in an operation, by its
                   own counters
  idle             a row for each of two processes with an open link: 'trapline waits' for a message
                   that does not come, 'trapline open' does nothing; seconds of silence; cpu_ticks
                   and context_switches of all its threads meanwhile, by the kernel's count; cpu is
                   of that one process

Each row is measured in several rounds, in which contenders alternate, each time in two new
processes, on a processor each. The row is the round of the median ratio: to the contender that it
is measured beside where there is one, else to the line. Rounds during which the line moved by more
than half, or in which both processes had to share a processor, are repeated; a row that has no
other is marked with * in the table. Idle is measured once.";
