//! Spring's STOMP broker relay, replayed: the frames that `StompBrokerRelayMessageHandler` of spring-messaging sends, as
//! its documentation and its users' logs have them. Its class is in no package that could be installed here, so this is
//! no proof with the client itself.
//!
//! The relay holds one *system* connection, over which the application's own messages go, and one connection for each
//! browser, whose frames it passes on. `/user/queue/x` becomes the queue `x-user<session>`.

use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

conversations! {
    the_system_connection_lives_by_heart_beats => system_connection;
    a_browsers_frames_are_passed_on => browser;
    the_application_sends_over_the_system_connection => from_the_system;
    user_destinations_are_queues_of_their_own => user_destinations;
    messages_for_users_elsewhere_are_broadcast => unresolved_user;
    a_user_queue_that_nobody_uses_leaves_nothing_behind => no_leftovers;
    a_session_that_ends_is_confirmed => disconnect;
}

async fn system(world: &World) -> StompPeer {
    let mut system = world.stomp().await;
    system
        .says("CONNECT\naccept-version:1.1,1.2\nlogin:guest\npasscode:guest\nhost:/\nheart-beat:10000,10000\n\n^")
        .await;
    let connected = system.next().await;
    assert_eq!((connected.command.as_str(), connected.header("version")), ("CONNECTED", Some("1.2")));
    // The relay asks for beats at the larger of the two, and takes three of them missed for a lost broker.
    assert_eq!(connected.header("heart-beat"), Some("10000,10000"));
    system
}

/// What the relay makes of a browser's CONNECT: the application's login, and the browser's heart-beats.
async fn browser_session(world: &World) -> StompPeer {
    let mut session = world.stomp().await;
    session
        .says("CONNECT\nlogin:guest\npasscode:guest\nhost:/\naccept-version:1.2,1.1,1.0\nheart-beat:0,0\n\n^")
        .await;
    assert_eq!(session.next().await.command, "CONNECTED");
    session
}

async fn subscribes(session: &mut StompPeer, id: &str, destination: &str) {
    session.says(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:{id}\n\n^")).await;
    session.hears_receipt(id).await;
}

async fn system_connection(wire: Wire) {
    let world = World::new(wire);
    let mut system = system(&world).await;
    for _ in 0..6 {
        world.passes(Duration::from_secs(10)).await;
        system.says("\n").await;
    }
    // What came meanwhile were beats.
    system.says("SEND\ndestination:/topic/t\nreceipt:alive\n\n^").await.hears_receipt("alive").await;
}

async fn browser(wire: Wire) {
    let world = World::new(wire);
    let (mut one, mut two) = (browser_session(&world).await, browser_session(&world).await);
    subscribes(&mut one, "sub-0", "/topic/greetings").await;
    two
        .says("SEND\ndestination:/topic/greetings\ncontent-type:application/json\ncontent-length:16\n\n{\"name\":\"world\"}^")
        .await;
    let heard = one.hears_message("{\"name\":\"world\"}").await;
    assert_eq!(
        (heard.header("subscription"), heard.header("content-type")),
        (Some("sub-0"), Some("application/json"))
    );
    assert!(heard.header("message-id").is_some());
}

async fn from_the_system(wire: Wire) {
    let world = World::new(wire);
    let (mut system, mut session) = (system(&world).await, browser_session(&world).await);
    subscribes(&mut session, "sub-1", "/topic/price.stock.*").await;
    subscribes(&mut session, "sub-2", "/topic/price/stock").await;
    // As SimpMessagingTemplate writes it.
    system
        .says("SEND\ndestination:/topic/price/stock\ncontent-type:application/json;charset=UTF-8\ncontent-length:2\n\n42^")
        .await;
    let heard = session.hears_message("42").await;
    assert_eq!(heard.header("content-type"), Some("application/json;charset=UTF-8"));
}

async fn user_destinations(wire: Wire) {
    let world = World::new(wire);
    let (mut system, mut one, mut two) =
        (system(&world).await, browser_session(&world).await, browser_session(&world).await);
    subscribes(&mut one, "sub-0", "/queue/errors-userabc123").await;
    subscribes(&mut two, "sub-0", "/queue/errors-userdef456").await;
    system
        .says(
            "SEND\ndestination:/queue/errors-userdef456\ncontent-type:text/plain\ncontent-length:4\n\noops^",
        )
        .await;
    let heard = two.hears_message("oops").await;
    // The relay finds the browser by the subscription, and shows it the destination that it asked for.
    assert_eq!(
        (heard.header("subscription"), heard.header("destination")),
        (Some("sub-0"), Some("/queue/errors-userdef456"))
    );
    one.hears_nothing().await;
}

async fn unresolved_user(wire: Wire) {
    let world = World::new(wire);
    let (mut here, mut there) = (system(&world).await, system(&world).await);
    subscribes(&mut there, "unresolved", "/topic/unresolved-user").await;
    here.says(
        "SEND\ndestination:/topic/unresolved-user\nsimpOrigDestination:/user/ann/queue/errors\n\noops^",
    )
    .await;
    let heard = there.hears_message("oops").await;
    assert_eq!(heard.header("simpOrigDestination"), Some("/user/ann/queue/errors"));
}

async fn no_leftovers(wire: Wire) {
    let world = World::new(wire);
    for number in 0..20 {
        let mut session = browser_session(&world).await;
        subscribes(&mut session, "sub-0", &format!("/queue/errors-user{number}")).await;
    }
    // A browser that asked for it takes its queue along, whatever is in it.
    let mut session = browser_session(&world).await;
    session
        .says("SUBSCRIBE\nid:s\ndestination:/queue/late-userx\nauto-delete:true\nack:client\nreceipt:s\n\n^")
        .await;
    session.hears_receipt("s").await;
    let mut system = system(&world).await;
    system.says("SEND\ndestination:/queue/late-userx\nreceipt:r\n\nx^").await.hears_receipt("r").await;
    drop(session);
    world.settles().await;
    assert_eq!(world.broker.queue_count(), 0);
}

async fn disconnect(wire: Wire) {
    let world = World::new(wire);
    let mut session = browser_session(&world).await;
    subscribes(&mut session, "sub-0", "/topic/t").await;
    session.says("DISCONNECT\nreceipt:wse7qt0z\n\n^").await.hears_receipt("wse7qt0z").await.is_closed().await;
}
