//! How long checking and matching of one topic takes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tidewire_protocols::topic::{TopicFilter, TopicName};

fn topics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("topic");
    let text = "plant/7/line/3/sensor/temp";
    group.bench_function("parse name", |bencher| bencher.iter(|| TopicName::parse(black_box(text)).is_ok()));

    let name = TopicName::parse(text).expect("a topic name");
    for text in
        ["plant/7/line/3/sensor/temp", "plant/+/line/+/sensor/+", "plant/7/#", "plant/8/line/3/sensor/temp"]
    {
        group.bench_function(format!("parse filter {text}"), |bencher| {
            bencher.iter(|| TopicFilter::parse(black_box(text)).is_ok());
        });
        let filter = TopicFilter::parse(text).expect("a topic filter");
        group.bench_function(format!("match {text}"), |bencher| {
            bencher.iter(|| black_box(filter).matches(black_box(name)));
        });
    }
    group.finish();
}

criterion_group!(benches, topics);
criterion_main!(benches);
