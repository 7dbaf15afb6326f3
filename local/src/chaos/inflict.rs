//! Does a fault and undoes it: afterwards the part runs again, though it need not be ready yet.
//!
//! Answers with what is worth telling. An error means that the trial itself went wrong, not the product; what the product
//! should not have done goes to the ledger.

mod kafka;
mod postgres;

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::chaos::fault::{Fault, Kind};
use crate::chaos::ledger::Ledger;
use crate::chaos::load::Load;
use crate::chaos::stage::Stage;
use crate::error::Error;
use crate::services::Service;

/// What a fault needs.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Where it happens.
    pub stage: &'a Stage,
    /// What goes on meanwhile.
    pub load: &'a Load,
    /// Who hears of it when the product does wrong.
    pub ledger: &'a Ledger,
}

impl Scene<'_> {
    /// Does it, for as long as it lasts.
    ///
    /// # Errors
    /// When it can't be done or undone.
    pub async fn inflict(&self, fault: &Fault) -> Result<Option<String>, Error> {
        let (stage, lasts) = (self.stage, fault.lasts);
        let consumer = format!("consumer {}", fault.which + 1);
        match fault.kind {
            Kind::KillIngest => self.kill("ingest", &stage.ingest, lasts).await?,
            Kind::PauseIngest => self.pause("ingest", &stage.ingest, lasts).await,
            Kind::DrainIngest => self.drain("ingest", &stage.ingest, lasts).await?,
            Kind::KillConsumer => self.kill(&consumer, &stage.consumers[fault.which], lasts).await?,
            Kind::PauseConsumer => self.pause(&consumer, &stage.consumers[fault.which], lasts).await,
            Kind::DrainConsumer => self.drain(&consumer, &stage.consumers[fault.which], lasts).await?,
            Kind::KillBroker => kafka::restart(stage, fault.which, true, lasts).await?,
            Kind::StopBroker => kafka::restart(stage, fault.which, false, lasts).await?,
            Kind::PauseBroker => kafka::pause(stage, fault.which, lasts).await?,
            Kind::RejectRecords => kafka::reject(stage, lasts).await?,
            Kind::KillPostgres => postgres::restart(stage, true, lasts).await?,
            Kind::StopPostgres => postgres::restart(stage, false, lasts).await?,
            Kind::PausePostgres => postgres::pause(stage, lasts).await,
            Kind::RefuseConnections => postgres::refuse(stage, lasts).await?,
            Kind::ExhaustConnections => return postgres::exhaust(stage, lasts).await.map(Some),
            Kind::CutCopy => return postgres::cut_copies(stage, self.load, lasts).await.map(Some),
            Kind::FillDisk => return postgres::fill_disk(stage, lasts).await.map(Some),
            Kind::SlowPostgres => postgres::slow(stage, lasts).await,
            Kind::SilentPostgres => postgres::silence(stage, fault.which == 0, lasts).await,
            Kind::Rewind => self.rewind().await?,
            Kind::Churn => self.churn(lasts).await?,
        }
        Ok(None)
    }

    async fn kill(&self, name: &str, service: &Mutex<Service>, lasts: Duration) -> Result<(), Error> {
        let mut service = service.lock().await;
        self.expect_running(name, &mut service);
        service.kill9().await;
        sleep(down(lasts)).await;
        service.launch()
    }

    async fn pause(&self, name: &str, service: &Mutex<Service>, lasts: Duration) {
        let mut service = service.lock().await;
        self.expect_running(name, &mut service);
        service.pause();
        sleep(lasts).await;
        service.resume();
    }

    async fn drain(&self, name: &str, service: &Mutex<Service>, lasts: Duration) -> Result<(), Error> {
        let mut service = service.lock().await;
        self.expect_running(name, &mut service);
        self.stop(&mut service).await;
        sleep(down(lasts)).await;
        service.launch()
    }

    /// Kafka moves the offsets only of a group without members.
    async fn rewind(&self) -> Result<(), Error> {
        let _group = self.stage.group.lock().await;
        let mut first = self.stage.consumers[0].lock().await;
        let mut second = self.stage.consumers[1].lock().await;
        let _broker = self.stage.broker.lock().await;
        for (name, consumer) in [("consumer 1", &mut first), ("consumer 2", &mut second)] {
            self.expect_running(name, consumer);
            self.stop(consumer).await;
        }
        kafka::rewind(self.stage).await?;
        first.launch()?;
        second.launch()
    }

    async fn churn(&self, lasts: Duration) -> Result<(), Error> {
        let _group = self.stage.group.lock().await;
        let mut third = self.stage.third.lock().await;
        let mut left = lasts.max(Duration::from_secs(6));
        let mut kills = false;
        while !left.is_zero() {
            let stay = left.min(Duration::from_secs(3));
            third.launch()?;
            sleep(stay).await;
            self.expect_running("consumer 3", &mut third);
            if kills {
                third.kill9().await;
            } else {
                self.stop(&mut third).await;
            }
            kills = !kills;
            left -= stay;
        }
        Ok(())
    }

    /// Whoever is told to stop must end in time and with exit code 0, whatever is broken around it. It may have been
    /// started a moment ago, and before it listens to signals one ends it at once.
    async fn stop(&self, service: &mut Service) {
        let stopped = match service.alive().await {
            Ok(()) => service.stop().await,
            Err(error) => Err(error),
        };
        if let Err(error) = stopped {
            self.ledger.surprise(error.to_string());
        }
    }

    /// No service may end by itself. Its memory is noted, since it may end now.
    pub fn expect_running(&self, name: &str, service: &mut Service) {
        self.stage.weigh(name, service);
        if !service.runs() {
            self.ledger.surprise(format!("{name} ended by itself; its log is {}", service.log().display()));
        }
    }
}

/// How long something that was killed or stopped is away: not so long that the trial is about nothing else.
fn down(lasts: Duration) -> Duration {
    lasts.min(Duration::from_secs(5))
}
