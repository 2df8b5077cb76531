//! The streams between a process and its channel.

use std::io;
use std::os::unix::process::ExitStatusExt as _;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::process::Running;
use super::terminal::bridge;

/// Carries bytes between a process and its channel until both have ended; the tasks may be aborted at any time.
pub(super) fn connect(running: Running, channel: Channel<Msg>, handle: Handle) -> Vec<AbortHandle> {
    let Running { mut child, master } = running;
    let id = channel.id();
    let (input, given) = unbounded_channel();
    let mut tasks = Vec::new();
    let mut outputs = Vec::new();
    if let Some(master) = master {
        // Without a bridge the channel stays silent, but the process runs and its exit is reported.
        if let Ok((from_terminal, to_terminal)) = bridge(master) {
            outputs.push(tokio::spawn(copy(from_terminal, channel.make_writer())));
            tasks.push(tokio::spawn(to_pipe(to_terminal, given)).abort_handle());
        }
    } else {
        if let Some(stdout) = child.stdout.take() {
            outputs.push(tokio::spawn(copy(stdout, channel.make_writer())));
        }
        if let Some(stderr) = child.stderr.take() {
            outputs.push(tokio::spawn(copy(stderr, channel.make_writer_ext(Some(1)))));
        }
        if let Some(stdin) = child.stdin.take() {
            tasks.push(tokio::spawn(to_pipe(stdin, given)).abort_handle());
        }
    }
    let (from_client, _) = channel.split();
    tasks.push(tokio::spawn(take_input(from_client, input)).abort_handle());
    tasks.extend(outputs.iter().map(tokio::task::JoinHandle::abort_handle));
    tasks.push(
        tokio::spawn(async move {
            // As sshd does, the status is sent when the process ends, even if its children still write.
            let status = child.wait().await;
            report(&handle, id, status).await;
            for output in outputs {
                let _ = output.await;
            }
            let _ = handle.eof(id).await;
            let _ = handle.close(id).await;
        })
        .abort_handle(),
    );
    tasks
}

async fn report(handle: &Handle, id: ChannelId, status: io::Result<std::process::ExitStatus>) {
    // An error here means that the client is gone.
    let _ = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => handle.exit_status_request(id, u32::try_from(code).unwrap_or(255)).await,
            (None, signal) => {
                let name = signal_name(signal.unwrap_or_default());
                handle.exit_signal_request(id, name, status.core_dumped(), String::new(), String::new()).await
            }
        },
        Err(_) => handle.exit_status_request(id, 255).await,
    };
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(format!("{other}@pinboot")),
    }
}

/// Takes the client's input at once, even if the process does not read it.
///
/// A channel that is not read blocks the whole connection, and with it the output that the process may be waiting to
/// write.
async fn take_input(mut from_client: ChannelReadHalf, input: UnboundedSender<Vec<u8>>) {
    let mut input = Some(input);
    while let Some(message) = from_client.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                // This fails if the process has closed its standard input.
                let _ = input.as_ref().map(|input| input.send(data.to_vec()));
            }
            ChannelMsg::Eof => input = None,
            ChannelMsg::Close => break,
            _ => {}
        }
    }
}

async fn to_pipe(mut stdin: impl AsyncWrite + Unpin, mut given: UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = given.recv().await {
        if stdin.write_all(&bytes).await.is_err() {
            break;
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await.map(|_| ())
}
