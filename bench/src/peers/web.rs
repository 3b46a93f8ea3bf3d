//! The bare server, alone and behind nginx with a limit on requests.
//!
//! Owns nginx's configuration. Must not know what is measured.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::processes::{Cores, End, Server, command, free_address};

/// Starts this program as a bare server.
pub(crate) fn bare() -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let program = std::env::current_exe().context("this program has a path")?;
    let mut start = command(program, Cores::Servers);
    start.args(["bare", &address.to_string()]);
    let mut server = Server::start("the bare server", &mut start, End::Kill)?;
    server.wait_for(address)?;
    Ok((server, address))
}

/// nginx in front of `behind`, on the same cores: it holds each token to a pace that nobody reaches.
pub(crate) fn nginx(folder: &Path, behind: SocketAddr) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration(folder, address, behind)).context("nginx.conf")?;
    let mut start = command("nginx", Cores::Servers);
    start.arg("-c").arg(&file).arg("-p").arg(folder).args(["-e", "nginx-error.log"]);
    let mut server = Server::start("nginx", &mut start, End::Kill)?;
    server.wait_for(address)?;
    Ok((server, address))
}

/// One process without a master, as it has one core.
fn configuration(folder: &Path, address: SocketAddr, behind: SocketAddr) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/nginx-{kind};\n", folder.display()))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nworker_rlimit_nofile 8192;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\naccess_log off;\n{temporary}\
         limit_req_zone $http_authorization zone=persons:64m rate=1000r/s;\n\
         upstream behind {{ server {behind}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{\nlisten {address} backlog=4096;\nkeepalive_requests 1000000000;\n\
         location / {{\nlimit_req zone=persons burst=1000 nodelay;\n\
         proxy_pass http://behind;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
         }}\n}}\n}}\n"
    )
}
