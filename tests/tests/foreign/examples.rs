//! The browser examples in headless Chromium, used by two people and more: `tests/foreign/examples/` has what they do.
//! Whatever a page says on the browser's console, and a request to anybody but its site and the broker, fails each of them.
//!
//! All of them live through a restart: the broker is killed with SIGKILL, and started again on its port and data.

mod feed;
mod stand;

use serde_json::json;

use self::feed::Feed;
use self::stand::Stand;

#[test]
fn people_chat_in_rooms_and_one_to_one() {
    let said = json!(["The tide is in", "Is anybody there?", "You have gone quiet"]);
    assert_eq!(
        Stand::open().play("chat"),
        json!({ "ann": said, "ben": said, "cara": said, "people": ["Ann", "Ben", "Cara"] })
    );
}

/// What arrives is in the list with the newest first.
#[test]
fn notifications_wait_for_those_who_are_away() {
    let mut seen = Stand::open().play("notifications");
    let live = seen["live"].take();
    let live = live.as_str().expect("it is shown");
    assert!(live.starts_with("Alarm\nFire in the lighthouse") && !live.contains("missed"), "{live}");
    assert_eq!(
        seen,
        json!({ "live": null, "unread": "1 new", "missed": ["One anchor", "The ferry is late"], "all": 8 })
    );
}

/// By wss: the page takes its own scheme.
#[test]
fn two_people_write_into_one_text_at_once() {
    // In UTF-16 units, of which the picture in the text takes two.
    let places = ["A tale of ".len(), "A tale of The harbour xx\n\nThe end, and more".len()];
    assert_eq!(Stand::open().play_securely("editor"), json!({ "places": places }));
}

#[test]
fn a_game_is_played_to_its_end_and_cheating_changes_nothing() {
    let board = "Row 1 from below: free, free, Ann, Ann, free, free, free. \
                 Row 2 from below: free, free, free, Ben, free, free, free.";
    let later = format!("{board} Row 3 from below: free, free, free, Ben, free, free, free.");
    assert_eq!(
        Stand::open().play("game"),
        json!({
            "isFair": [board, later],
            "flickers": 0,
            "wrong": [],
            "tables": ["marina\nXenia", "quay\nAnn"],
        })
    );
}

/// The machine's measurements are those of the shell script.
#[test]
fn a_dashboard_draws_what_comes_and_what_was_retained() {
    let mut stand = Stand::open();
    let _feed = Feed::start(&stand.url(), "machine");
    let charts = [
        "load",
        "memory %",
        "network in kB/s",
        "network out kB/s",
        "pointer speed px/s",
        "processors %",
        "round trip ms",
        "script memory MB",
        "temperature °C",
        "timer delay ms",
    ];
    assert_eq!(stand.play("dashboard"), json!({ "sources": ["a tab", "machine", "pump"], "charts": charts }));
}

/// Frames are dropped for the slow viewer, and for nobody else.
#[test]
fn a_slow_viewer_of_a_stream_hurts_nobody_else() {
    assert_eq!(
        Stand::open().play("streaming"),
        json!({
            "fast": { "isFluent": true, "isTimely": true, "isWhole": true },
            "slow": { "isSlow": true, "isTimely": true },
            "isPicture": true,
            "listed": 2,
        })
    );
}

/// By wss, as the editor: STOMP this time.
#[test]
fn jobs_are_done_whatever_becomes_of_workers_and_broker() {
    let letter = ["Mend the gate", "was refused, after 2 tries"];
    assert_eq!(
        Stand::open().play_securely("queue"),
        json!({ "letter": letter, "waiting": ["Lock the door", "Light the lamp"] })
    );
}

/// Waits are drawn from the whole of a range that doubles, up to half a minute.
#[test]
fn pages_come_back_one_by_one_and_leave_a_session_to_one_tab() {
    assert_eq!(
        Stand::open().play("connection"),
        json!({
            "waits": vec!["fine"; 7],
            "reason": "This session is in use in another tab or window.",
            "second": "Not connected",
        })
    );
}

/// From a web server that is not the broker: the links keep the broker's address.
#[test]
fn the_gallery_leads_to_every_example() {
    let names = ["Chat", "Notifications", "Editor", "Four in a row", "Dashboard", "Streaming", "Work queue"];
    assert_eq!(
        Stand::open().play_from_elsewhere("gallery"),
        json!({ "names": names, "pictures": names.len() })
    );
}

#[test]
fn every_example_is_accessible_in_light_colours() {
    is_accessible_on("light");
}

#[test]
fn every_example_is_accessible_in_dark_colours() {
    is_accessible_on("dark");
}

#[test]
fn every_example_is_accessible_on_a_phone() {
    is_accessible_on("phone");
}

fn is_accessible_on(screen: &str) {
    // Each of the seven as it is, and with the state of its connection opened; and the gallery.
    assert_eq!(Stand::open().look_at_examples_on(screen), json!({ "looked": 2 * 7 + 1, "found": [] }));
}
