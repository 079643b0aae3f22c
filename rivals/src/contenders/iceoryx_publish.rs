//! `iceoryx2 publish-subscribe`: a service each way, polling at both ends.

use std::process::{Child, Command};

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;
use trapline::Lane;

use super::iceoryx::{self, Place};
use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::watch::Watch;

type Of = ipc::Service;

// Fields are dropped in their order: ports before the node, and the place at last.
pub(super) struct Asking {
    requests: Publisher<Of, [u8], ()>,
    replies: Subscriber<Of, [u8], ()>,
    _node: Node<Of>,
    _place: Place,
    watch: Watch,
}

impl Asks for Asking {
    type Prepared = Place;

    fn prepare(command: &mut Command) -> Result<Place, Error> {
        Place::prepare(command)
    }

    fn connect(place: Place, _: &mut Child, watch: &Watch) -> Result<Self, Error> {
        let node = place.node()?;
        let replies = subscriber(&node, iceoryx::REPLIES)?;
        let requests = publisher(&node, iceoryx::REQUESTS, LONGEST_REQUEST)?;
        Ok(Self { requests, replies, _node: node, _place: place, watch: watch.clone() })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        publish(&self.requests, request)
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let replies = &self.replies;
        let reply = iceoryx::poll(&self.watch, || replies.receive().map_err(Error::rival))?;
        read(reply.payload(), len)
    }
}

pub(super) struct Answering {
    requests: Subscriber<Of, [u8], ()>,
    replies: Publisher<Of, [u8], ()>,
    _node: Node<Of>,
    /// Never over: this process ends with the first one.
    watch: Watch,
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let node = iceoryx::inherited()?;
        let requests = subscriber(&node, iceoryx::REQUESTS)?;
        let replies = publisher(&node, iceoryx::REPLIES, LONGEST_REPLY)?;
        Ok(Self { requests, replies, _node: node, watch: Watch::default() })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let requests = &self.requests;
        let request = iceoryx::poll(&self.watch, || requests.receive().map_err(Error::rival))?;
        number(request.payload(), len)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        publish(&self.replies, reply)
    }
}

#[inline]
fn publish(publisher: &Publisher<Of, [u8], ()>, message: &[u8]) -> Result<(), Error> {
    let loan = publisher.loan_slice_uninit(message.len()).map_err(Error::rival)?;
    loan.write_from_slice(message).send().map_err(Error::rival)?;
    Ok(())
}

fn publisher(
    node: &Node<Of>,
    name: &str,
    longest: usize,
) -> Result<Publisher<Of, [u8], ()>, Error> {
    let builder = service(node, name)?;
    let builder = builder.publisher_builder().initial_max_slice_len(longest);
    builder.create().map_err(Error::rival)
}

fn subscriber(node: &Node<Of>, name: &str) -> Result<Subscriber<Of, [u8], ()>, Error> {
    service(node, name)?.subscriber_builder().create().map_err(Error::rival)
}

fn service(node: &Node<Of>, name: &str) -> Result<PortFactory<Of, [u8], ()>, Error> {
    node.service_builder(&iceoryx::service(name)?)
        .publish_subscribe::<[u8]>()
        .open_or_create()
        .map_err(Error::rival)
}
