//! Having mimalloc give memory back.
//!
//! What one thread frees of another's memory, that one takes back when it allocates the next time, and what it takes back
//! goes to the system later still, at some further allocation. Threads whose clients all wait allocate nothing: without this,
//! memory that subscribers have long made free would stay resident, and the clients would wait for ever.
//!
//! mimalloc has a function for it, which safe code cannot call. So each thread does what mimalloc counts before it tidies up
//! by itself: every 100 allocations that are not small it takes back what others have freed, and every 10,000
//! (`MIMALLOC_GENERIC_COLLECT`) it gives pages back that have been free for a while. (`_mi_malloc_generic` of mimalloc 2.3)

use std::hint::black_box;

use tokio::runtime::Handle;

/// Allocations after which a thread has tidied up.
const ALLOCATIONS: usize = 10_000;
/// Bytes of each: more than mimalloc calls small (1 KiB), and so little that the same place is used over and over.
const BYTES: usize = 2 * 1024;

/// Has the threads of `runtime` tidy up. Which thread takes which task nobody can say; as many tasks as threads, again
/// and again, reach all of them.
pub(super) fn tidy_all(runtime: &Handle) {
    for _ in 0..runtime.metrics().num_workers() {
        drop(runtime.spawn(async { tidy() }));
    }
}

/// Takes about a millisecond.
fn tidy() {
    for _ in 0..ALLOCATIONS {
        drop(black_box(Vec::<u8>::with_capacity(BYTES)));
    }
}
