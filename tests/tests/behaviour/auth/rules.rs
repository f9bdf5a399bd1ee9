//! What rules allow and deny, as clients see it.

use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::{Users, password_line};

use super::{mqtt, stomp, stomp_is_refused, world};

conversations! {
    the_first_rule_that_matches_decides => first_match;
    what_is_denied_in_part_is_not_delivered => in_part;
    what_is_retained_is_looked_at_as_well => retained;
    a_queue_is_consumed_by_whoever_may => queues;
    a_will_is_looked_at_as_a_message => will;
    replies_come_without_a_rule => replies;
    what_was_decided_is_remembered => remembered;
    what_one_member_may_not_have_is_for_the_others => shared;
    the_brokers_own_queues_are_nobodys => own_queues;
    what_waits_is_looked_at_until_it_is_gone => waiting;
    what_is_sent_again_is_looked_at_as_well => resent;
    a_client_identifier_is_for_whom_rules_say => identifiers;
}

const RULES: &str = r##"
[[rules]]
deny = ["subscribe", "retain"]
topics = ["open/secret/#"]

[[rules]]
users = ["ann"]
allow = ["all"]
topics = ["devices/%u/#", "/queue/work"]

[[rules]]
users = ["bob"]
allow = ["publish"]
topics = ["/queue/work"]

[[rules]]
allow = ["publish", "subscribe"]
topics = ["open/#"]
"##;

fn users() -> Users {
    let lines = password_line("ann", "a") + &password_line("bob", "b");
    Users::new().with_passwords(&lines).with_rules(RULES)
}

fn ann() -> tidewire_tests::mqtt::ConnectWords {
    connect("ann").user_name("ann").password("a")
}

fn bob() -> tidewire_tests::mqtt::ConnectWords {
    connect("bob").user_name("bob").password("b")
}

async fn first_match(wire: Wire) {
    let world = world(wire, &users());
    let (mut ann, mut bob) = (mqtt(&world, ann()).await, mqtt(&world, bob()).await);
    let denied = |packet_id| pub_ack(packet_id).because(ReasonCode::NotAuthorized).explained();
    ann.subscribes(subscribe("devices/ann/#", 1).and("open/+/a", 1)).await;
    ann.says(subscribe("devices/#", 0).and("#", 0).and("open/secret/x", 0).and("$share/g/devices/bob", 0))
        .await;
    ann.hears(sub_ack(&[0x87, 0x87, 0x87, 0x87]).explained()).await;
    bob.says(publish("devices/ann/x", "y").qos1(1)).await.hears(denied(1)).await;
    bob.says(publish("other", "y").qos1(2)).await.hears(denied(2)).await;
    bob.publishes(publish("open/x/a", "y").qos1(3)).await;
    ann.hears(publish("open/x/a", "y").qos1(1)).await.says(pub_ack(1)).await;
    ann.publishes(publish("devices/ann/x", "z")).await.hears(publish("devices/ann/x", "z")).await;
    // 3.1.1 has no word for it at PUBLISH. [MQTT-3.3.5-2]
    let mut old = mqtt(&world, connect("old").v311().user_name("bob").password("b")).await;
    old.publishes(publish("devices/ann/x", "y").qos1(1)).await;
    old.says(subscribe("devices/ann/x", 0)).await.hears(sub_ack(&[0x80])).await;
    ann.hears_nothing().await;
    let mut stomper = stomp(&world, "login:bob\npasscode:b\n").await;
    stomper.says_bytes(b"SEND\ndestination:/topic/open/x/a\n\nfrom bob\0").await;
    ann.hears(publish("open/x/a", "from bob").qos1(2)).await;
    stomper
        .says("SEND\ndestination:/topic/devices/ann/x\n\ny^")
        .await
        .is_refused("access refused", 1000)
        .await;
    let mut stomper = stomp(&world, "login:bob\npasscode:b\n").await;
    stomper.says("SUBSCRIBE\nid:1\ndestination:/topic/devices/ann/x\n\n^").await;
    stomper.is_refused("access refused", 1000).await;
}

async fn in_part(wire: Wire) {
    let world = world(wire, &users());
    let (mut ann, mut bob) = (mqtt(&world, ann()).await, mqtt(&world, bob()).await);
    let mut stomper = stomp(&world, "login:ann\npasscode:a\n").await;
    stomper.says("SUBSCRIBE\nid:1\ndestination:/topic/open/#\nreceipt:1\n\n^").await.hears_receipt("1").await;
    ann.subscribes(subscribe("open/#", 2)).await;
    for qos in 0..3 {
        let with = |topic: &str| match qos {
            0 => publish(topic, "x"),
            1 => publish(topic, "x").qos1(1),
            _ => publish(topic, "x").qos2(1),
        };
        bob.publishes(with("open/secret/1")).await.publishes(with("open/secret")).await;
    }
    bob.publishes(publish("open/a", "last")).await;
    ann.hears(publish("open/a", "last")).await.hears_nothing().await;
    stomper.hears_message("last").await;
    stomper.hears_nothing().await;
}

async fn retained(wire: Wire) {
    let world = world(wire, &users());
    let (mut ann, mut bob) = (mqtt(&world, ann()).await, mqtt(&world, bob()).await);
    bob.publishes(publish("open/a", "kept").retained().qos1(1)).await;
    bob.says(publish("open/secret/a", "x").retained().qos1(2)).await;
    bob.hears(pub_ack(2).because(ReasonCode::NotAuthorized).explained()).await;
    bob.publishes(publish("open/secret/a", "x").qos1(3)).await;
    // What is there from before the rules were made is not for her either.
    let turn = &mut world.broker.turn();
    let topic = tidewire_tests::mqtt::topic("open/secret/old");
    let session = tidewire::message::SessionId::BROKER;
    let mut old = tidewire::message::Publication::new(topic, b"old", session);
    old.retain = true;
    world.broker.publish(turn, &old).expect("the memory takes it");
    ann.subscribes(subscribe("open/#", 1)).await;
    ann.hears(publish("open/a", "kept").retained().qos1(1)).await.hears_nothing().await;
}

async fn queues(wire: Wire) {
    let world = world(wire, &users());
    let (mut ann, mut bob) = (mqtt(&world, ann()).await, mqtt(&world, bob()).await);
    bob.says(subscribe("$queue/work", 1).and("$queue/other", 1))
        .await
        .hears(sub_ack(&[0x87, 0x87]).explained())
        .await;
    bob.publishes(publish("$queue/work", "x").qos1(1)).await;
    bob.says(publish("$queue/other", "x").qos1(2)).await;
    bob.hears(pub_ack(2).because(ReasonCode::NotAuthorized).explained()).await;
    ann.subscribes(subscribe("$queue/work", 1)).await;
    ann.hears(publish("$queue/work", "x").qos1(1)).await.says(pub_ack(1)).await;
    let mut stomper = stomp(&world, "login:bob\npasscode:b\n").await;
    stomper
        .says("SUBSCRIBE\nid:1\ndestination:/queue/work\n\n^")
        .await
        .is_refused("access refused", 1000)
        .await;
}

async fn will(wire: Wire) {
    let world = world(wire, &users());
    mqtt(&world, ann().will(publish("devices/ann/gone", "x").retained())).await;
    let mut client = world.mqtt().await;
    client.says(ann().will(publish("devices/bob/gone", "x"))).await;
    client.is_refused(ReasonCode::NotAuthorized, 1000).await;
    let mut client = world.mqtt().await;
    client.says(ann().will(publish("open/secret/gone", "x").retained())).await;
    client.is_refused(ReasonCode::NotAuthorized, 1000).await;
}

async fn replies(wire: Wire) {
    let world = world(wire, &users());
    let mut asker = stomp(&world, "login:ann\npasscode:a\n").await;
    let mut worker = stomp(&world, "login:bob\npasscode:b\n").await;
    worker
        .says("SUBSCRIBE\nid:1\ndestination:/topic/open/questions\nreceipt:1\n\n^")
        .await
        .hears_receipt("1")
        .await;
    asker.says("SEND\ndestination:/topic/open/questions\nreply-to:/temp-queue/answers\n\nwhy?^").await;
    let question = worker.hears_message("why?").await;
    let reply_to = question.header("reply-to").expect("it says where to").to_owned();
    worker.says(&format!("SEND\ndestination:{reply_to}\n\nbecause^")).await;
    asker.hears_message("because").await;
}

async fn remembered(wire: Wire) {
    let world = world(wire, &users());
    let mut bob = mqtt(&world, bob()).await;
    for packet_id in 1..=10 {
        bob.publishes(publish("open/a", "x").qos1(packet_id)).await;
    }
    let mut stomper = stomp(&world, "login:bob\npasscode:b\n").await;
    for _ in 0..10 {
        stomper.says("SEND\ndestination:/topic/open/a\nreceipt:1\n\nx^").await.hears_receipt("1").await;
    }
    let counters = &world.broker.counters;
    assert_eq!((counters.permits_judged.value(), counters.permits_remembered.value()), (2, 18));
}

/// One member of a shared subscription may not have what another may.
async fn shared(wire: Wire) {
    const RULES: &str = "[[rules]]\nusers = [\"bob\"]\ndeny = [\"subscribe\"]\ntopics = [\"a/secret\"]\n\
                         [[rules]]\nallow = [\"all\"]\ntopics = [\"a/#\", \"b\"]\n";
    let lines = password_line("ann", "a") + &password_line("bob", "b");
    let world = world(wire, &Users::new().with_passwords(&lines).with_rules(RULES));
    let mut ann = mqtt(&world, ann()).await;
    ann.subscribes(subscribe("$share/g/a/#", 1)).await;
    let mut members = Vec::new();
    for number in 0..5 {
        let connect = connect(&format!("bob-{number}")).user_name("bob").password("b");
        let mut bob = mqtt(&world, connect).await;
        bob.subscribes(subscribe("$share/g/a/#", 1)).await;
        members.push(bob);
    }
    // One whose window is closed and for whom something waits: what comes then is not judged before its turn.
    let mut narrow = connect("narrow").user_name("bob").password("b");
    narrow = narrow.with(tidewire_protocols::mqtt::Property::ReceiveMaximum(std::num::NonZeroU16::MIN));
    let mut narrow = mqtt(&world, narrow).await;
    narrow.subscribes(subscribe("$share/g/a/#", 1).and("b", 1)).await;
    let mut other = mqtt(&world, connect("other").user_name("ann").password("a")).await;
    other.publishes(publish("b", "1").qos1(1)).await.publishes(publish("b", "2").qos1(1)).await;
    narrow.hears(publish("b", "1").qos1(1)).await;
    for packet_id in 2..=15 {
        other.publishes(publish("a/secret", "y").qos1(packet_id)).await;
    }
    narrow.says(pub_ack(1)).await.hears(publish("b", "2").qos1(2)).await;
    let mut heard = 0;
    while heard < 14 {
        heard += 1;
        let is_secret = ann.looks_at(|packet| format!("{packet:?}").contains("a/secret")).await;
        assert!(is_secret, "message {heard}");
    }
    for member in &mut members {
        member.hears_nothing().await;
    }
    narrow.hears_nothing().await;
}

/// The queue of another's durable subscription has a name that nobody can say, in whatever way.
async fn own_queues(wire: Wire) {
    const RULES: &str = "[[rules]]\nusers = [\"ann\"]\nallow = [\"all\"]\n\
                         [[rules]]\nallow = [\"all\"]\ntopics = [\"/queue/#\"]\n";
    let lines = password_line("ann", "a") + &password_line("bob", "b");
    let world = world(wire, &Users::new().with_passwords(&lines).with_rules(RULES));
    let mut owner = stomp(&world, "client-id:c\nlogin:ann\npasscode:a\n").await;
    owner.says("SUBSCRIBE\nid:n\ndestination:/topic/secret\ndurable:true\nreceipt:1\n\n^").await;
    owner.hears_receipt("1").await;
    let name = "$queue/$durable/ann@c/n";
    for destination in
        [format!("/topic/{name}"), "/topic/$queue/".to_owned(), "/queue/$durable/ann@c/n".to_owned()]
    {
        for frame in ["SUBSCRIBE\nid:1\nbrowser:true", "SUBSCRIBE\nid:1", "SEND"] {
            let mut bob = stomp(&world, "login:bob\npasscode:b\n").await;
            bob.says(&format!("{frame}\ndestination:{destination}\n\n^")).await;
            bob.is_refused("bad destination", 1000).await;
        }
    }
    let mut bob = world.mqtt().await;
    bob.says(self::bob().will(publish(name, "forged")))
        .await
        .is_refused(ReasonCode::TopicNameInvalid, 1000)
        .await;
    owner.hears_nothing().await;
}

const PARTLY: &str = "[[rules]]\ndeny = [\"subscribe\"]\nusers = [\"ann\"]\ntopics = [\"a/secret\"]\n\
                      [[rules]]\nallow = [\"all\"]\ntopics = [\"a/#\", \"pub\"]\n";

fn partly() -> Users {
    let lines = password_line("ann", "a") + &password_line("bob", "b");
    Users::new().with_passwords(&lines).with_rules(PARTLY)
}

async fn waiting(wire: Wire) {
    use tidewire_tests::mqtt::unsubscribe;
    let world = world(wire, &partly());
    let lasting = || ann().expiry(1_000).resume();
    let narrow = tidewire_protocols::mqtt::Property::ReceiveMaximum(std::num::NonZeroU16::MIN);
    let mut client = mqtt(&world, lasting()).await;
    client.subscribes(subscribe("pub", 1).and("a/#", 1)).await;
    drop(client);
    let mut other = mqtt(&world, bob()).await;
    for (packet_id, topic) in [(1, "pub"), (2, "a/open"), (3, "a/secret")] {
        other.publishes(publish(topic, "x").qos1(packet_id)).await;
    }
    let mut client = world.client_with(lasting().with(narrow), true).await;
    client.hears(publish("pub", "x").qos1(1)).await;
    client.says(unsubscribe(&["a/#"])).await.next().await;
    drop(client);
    // Nothing that it has subscribed to now is for more than it may have; what waits is.
    let mut client = world.client_with(lasting().with(narrow), true).await;
    client.hears(publish("pub", "x").qos1(1).dup()).await.says(pub_ack(1)).await;
    client.hears(publish("a/open", "x").qos1(2)).await.says(pub_ack(2)).await;
    client.hears_nothing().await;
}

async fn resent(wire: Wire) {
    let users = partly();
    let world = world(wire, &users);
    let lasting = || ann().expiry(1_000).resume();
    let mut client = mqtt(&world, lasting()).await;
    client.subscribes(subscribe("a/open", 1).and("pub", 1)).await;
    let mut other = mqtt(&world, bob()).await;
    other.publishes(publish("a/open", "x").qos1(1)).await.publishes(publish("pub", "x").qos1(2)).await;
    client.hears(publish("a/open", "x").qos1(1)).await.hears(publish("pub", "x").qos1(2)).await;
    drop(client);
    users.change_rules("[[rules]]\nallow = [\"all\"]\ntopics = [\"pub\"]\n");
    world.reloads();
    let mut client = world.client_with(lasting(), true).await;
    client.hears(publish("pub", "x").qos1(2).dup()).await.hears_nothing().await;
}

/// Nobody takes another's session over, nor its place: the owner does not notice.
async fn identifiers(wire: Wire) {
    const RULES: &str = "[[rules]]\nclient_ids = [\"%u-*\"]\nallow = [\"connect\"]\n\
                         [[rules]]\ndeny = [\"connect\"]\n[[rules]]\nallow = [\"all\"]\n";
    let lines = password_line("ann", "a") + &password_line("bob", "b");
    let world = world(wire, &Users::new().with_passwords(&lines).with_rules(RULES));
    let mut owner = mqtt(&world, connect("ann-1").user_name("ann").password("a")).await;
    for connect in [connect("ann-1"), connect("ann-2"), connect("bob"), connect("")] {
        let mut bob = world.mqtt().await;
        bob.says(connect.user_name("bob").password("b")).await;
        bob.is_refused(ReasonCode::NotAuthorized, 1000).await;
    }
    let mut bob = world.mqtt().await;
    bob.says(connect("ann-1").v311().user_name("bob").password("b")).await;
    bob.is_refused(ReasonCode::NotAuthorized, 1000).await;
    for client_id in ["client-id:ann-1\n", ""] {
        let headers = format!("{client_id}login:bob\npasscode:b\n");
        let refused = stomp_is_refused(&world, &headers).await;
        assert_eq!(refused.text(), "This user may not connect, or not with this client identifier.\n");
    }
    mqtt(&world, connect("bob-1").user_name("bob").password("b")).await;
    stomp(&world, "client-id:bob-1\nlogin:bob\npasscode:b\n").await;
    owner.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}
