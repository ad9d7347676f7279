//! Who is next: rounds over customers, weights, late comers, housekeeping.

use std::collections::{HashMap, HashSet, VecDeque};

use db::deployments::Deployment;
use domain::{deployment::DeploymentKind, id::CustomerId};

use crate::scene::Scene;

/// A worker with so many slots; when they are full, what runs longest ends.
struct Slots<'a> {
    scene: &'a Scene,
    slots: usize,
    running: VecDeque<Deployment>,
}

impl<'a> Slots<'a> {
    fn new(scene: &'a Scene, slots: usize) -> Self {
        Self {
            scene,
            slots,
            running: VecDeque::new(),
        }
    }

    /// The customer of the next deployment that starts.
    async fn start(&mut self) -> CustomerId {
        if self.running.len() == self.slots {
            self.scene.end(&self.running.pop_front().unwrap()).await;
        }
        let claimed = self.scene.claim().await.expect("something is runnable");
        let customer = claimed.customer;
        self.running.push_back(claimed);
        customer
    }

    async fn starts(&mut self, count: usize) -> Vec<CustomerId> {
        let mut starts = Vec::with_capacity(count);
        for _ in 0..count {
            starts.push(self.start().await);
        }
        starts
    }
}

fn shares(starts: &[CustomerId]) -> HashMap<CustomerId, usize> {
    let mut shares = HashMap::new();
    for customer in starts {
        *shares.entry(*customer).or_default() += 1;
    }
    shares
}

#[tokio::test]
async fn of_twenty_customers_each_has_started_once_by_the_twentieth_start_and_a_late_one_within_four() {
    let scene = Scene::new().await;
    for number in 0..20 {
        let customer = scene.customer(&format!("customer-{number}"), 3).await;
        scene.queued_sites(customer, scene.account, 10).await;
    }
    let mut slots = Slots::new(&scene, 4);
    for round in 1..=2 {
        let starts = slots.starts(20).await;
        assert_eq!(starts.iter().collect::<HashSet<_>>().len(), 20, "round {round}");
    }
    slots.starts(7).await;
    let late = scene.customer("late", 3).await;
    scene.queued_sites(late, scene.account, 1).await;
    assert!(
        slots.starts(4).await.contains(&late),
        "the late customer waits for more than four starts"
    );
}

#[tokio::test]
async fn a_customer_that_comes_back_after_a_pause_is_next_and_then_one_of_many() {
    let scene = Scene::new().await;
    let (busy, back) = (scene.customer("busy", 3).await, scene.customer("back", 3).await);
    scene.queued_sites(back, scene.account, 1).await;
    scene.queued_sites(busy, scene.account, 60).await;
    let mut slots = Slots::new(&scene, 1);
    assert_eq!(
        shares(&slots.starts(40).await),
        HashMap::from([(back, 1), (busy, 39)])
    );
    scene.queued_sites(back, scene.account, 20).await;
    let starts = slots.starts(10).await;
    assert_eq!(starts[0], back);
    assert!((5..=6).contains(&shares(&starts)[&back]), "{starts:?}");
}

#[tokio::test]
async fn a_weight_of_three_starts_three_times_as_often_even_in_one_slot() {
    let scene = Scene::new().await;
    let (heavy, light) = (scene.customer("heavy", 3).await, scene.customer("light", 3).await);
    scene.set_weight(heavy, 3).await;
    for customer in [heavy, light] {
        scene.queued_sites(customer, scene.account, 40).await;
    }
    let starts = Slots::new(&scene, 1).starts(40).await;
    let share = shares(&starts)[&heavy];
    assert!((29..=31).contains(&share), "{share} of 40");
}

#[tokio::test]
async fn a_weight_of_three_holds_three_slots_of_four() {
    let scene = Scene::new().await;
    let (heavy, light) = (
        scene.customer("heavy", 30).await,
        scene.customer("light", 30).await,
    );
    scene.set_weight(heavy, 3).await;
    for customer in [heavy, light] {
        scene.queued_sites(customer, scene.account, 10).await;
    }
    assert_eq!(
        shares(&Slots::new(&scene, 4).starts(4).await),
        HashMap::from([(heavy, 3), (light, 1)])
    );
}

#[tokio::test]
async fn housekeeping_runs_after_every_change_and_does_run() {
    let scene = Scene::new().await;
    let (tidy, busy) = (scene.customer("tidy", 3).await, scene.customer("busy", 3).await);
    let site = scene.site(tidy, "tidy-site").await;
    let check = scene.queue(tidy, site, DeploymentKind::DriftCheck).await;
    let mut changes = Vec::new();
    for number in 0..3 {
        changes.push(scene.queued_site(busy, &format!("busy-{number}")).await);
    }
    for change in changes {
        let claimed = scene.claim().await.unwrap();
        assert_eq!(claimed.id, change);
        scene.end(&claimed).await;
    }
    assert_eq!(scene.claim().await.unwrap().id, check);
}
