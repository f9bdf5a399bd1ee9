//! The store on disk, by itself: whatever is applied to it is there after a restart, and no more.

mod amplification;
mod copy;
mod damage;
mod failing_disk;
mod full_disk;
mod model;
