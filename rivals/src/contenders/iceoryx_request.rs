//! `iceoryx2 request-response`: its own pattern for this, polling at both ends.

use std::process::{Child, Command};

use iceoryx2::active_request::ActiveRequest;
use iceoryx2::pending_response::PendingResponse;
use iceoryx2::port::client::Client;
use iceoryx2::port::server::Server;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::request_response::PortFactory;
use trapline::Lane;

use super::iceoryx::{self, Place};
use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::watch::Watch;

type Of = ipc::Service;
type Pending = PendingResponse<Of, [u8], (), [u8], ()>;
type Active = ActiveRequest<Of, [u8], (), [u8], ()>;
type Service = PortFactory<Of, [u8], (), [u8], ()>;

// Fields are dropped in their order: ports before the node, and the place at last.
pub(super) struct Asking {
    pending: Option<Pending>,
    client: Client<Of, [u8], (), [u8], ()>,
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
        let service = service(&node)?;
        let client = service.client_builder().initial_max_slice_len(LONGEST_REQUEST);
        let client = client.create().map_err(Error::rival)?;
        Ok(Self { pending: None, client, _node: node, _place: place, watch: watch.clone() })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        let loan = self.client.loan_slice_uninit(request.len()).map_err(Error::rival)?;
        self.pending = Some(loan.write_from_slice(request).send().map_err(Error::rival)?);
        Ok(())
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let pending = self.pending.take().ok_or(Error::Hung)?;
        let reply = iceoryx::poll(&self.watch, || pending.receive().map_err(Error::rival))?;
        read(reply.payload(), len)
    }
}

pub(super) struct Answering {
    active: Option<Active>,
    server: Server<Of, [u8], (), [u8], ()>,
    _node: Node<Of>,
    /// Never over: this process ends with the first one.
    watch: Watch,
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let node = iceoryx::inherited()?;
        let service = service(&node)?;
        let server = service.server_builder().initial_max_slice_len(LONGEST_REPLY);
        let server = server.create().map_err(Error::rival)?;
        Ok(Self { active: None, server, _node: node, watch: Watch::default() })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let server = &self.server;
        let active = iceoryx::poll(&self.watch, || server.receive().map_err(Error::rival))?;
        let number = number(active.payload(), len)?;
        self.active = Some(active);
        Ok(number)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        let active = self.active.take().ok_or(Error::Hung)?;
        let loan = active.loan_slice_uninit(reply.len()).map_err(Error::rival)?;
        loan.write_from_slice(reply).send().map_err(Error::rival)
    }
}

fn service(node: &Node<Of>) -> Result<Service, Error> {
    node.service_builder(&iceoryx::service(iceoryx::REQUESTS)?)
        .request_response::<[u8], [u8]>()
        .open_or_create()
        .map_err(Error::rival)
}
