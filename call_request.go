package hotsock

import (
	"bytes"
	"context"
	"strings"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// This file takes the calls that clients send. Whether a call is permitted is asked
// before whether the method exists, so that clients cannot find out the methods of
// others.

// permitCall says whether a method may be called by those whose keys were resolved.
func permitCall(method string, resolve func(method string) permission.CallResolution) error {
	if err := validateMethod(method); err != nil {
		return err
	}
	if r := resolve(method); !r.MayCall() {
		return refuse(CodeCallPermissionDenied)
	}
	return nil
}

// permitCall says the same of a call on the channel.
func (a *access) permitCall(method string) error {
	if !a.subscribed {
		return refuse(CodeNotSubscribed)
	}
	return permitCall(method, a.perms.ResolveCall)
}

// call runs a method in a goroutine of its own, which answers.
func (c *connection) call(cmd *wire.Command) error {
	in, err := wire.DecodeCall(cmd.Data)
	if err != nil {
		return err
	}
	who := c.source()
	// The parameters are a part of the frame.
	call := Call{Method: in.Method, Params: bytes.Clone(in.Params)}
	if cmd.Channel == "" {
		err = permitCall(in.Method, c.grant().ResolveCall)
		call.Requester = who.requester(c.meta(), c.claims())
	} else {
		var acc access
		if acc, err = c.access(cmd.Channel); err == nil {
			err = acc.permitCall(in.Method)
			call.Requester, call.Channel = who.requester(acc.meta, c.claims()), strings.Clone(acc.channel)
		}
	}
	if err != nil {
		return err
	}
	running, err := c.h.calls.beginCommand(c.id, in.Method)
	if err != nil {
		return err
	}
	if c.hasEnded() { // and who ended it may not have seen the call
		running.end()
		return nil
	}
	channel, ref := cmd.Channel, cmd.Ref
	go c.answerCall(running, call, channel, ref)
	return nil
}

// answerCall carries out a call and sends the answer. The channel is as the client
// names it.
func (c *connection) answerCall(running *runningCall, call Call, channel, ref string) {
	defer running.end()
	answered := false
	fail := func(err error) {
		e := c.h.errors.report(err, "connection", c.id, "method", call.Method)
		c.sock.Send(errorFrame(e, channel, ref))
	}
	defer func() {
		if !answered { // the method has ended this goroutine
			fail(callFailed(errCallPanicked))
		}
	}()
	result, err := running.run(call)
	answered = true
	switch {
	case err == nil:
		c.sock.Send(resultFrame(channel, result, ref))
	case running.ctx.Err() == nil:
		fail(err)
	default:
		// The connection is being closed, or has ended, and then nobody gets this.
		c.sock.Send(errorFrame(refuseBecause(CodeUnavailable, cutOff), channel, ref))
		c.logger().Debug("hotsock: a call was cut off", "method", call.Method, "err", err)
	}
}

func resultFrame(channel string, result []byte, ref string) socket.Frame {
	return socket.Finish(wire.AppendResult(socket.Start(frameRoom+len(result)), channel, result, ref))
}

// cutOff is what is told of a call that was.
const cutOff = "the call was cut off, and may have been carried out or not"

func (c *caller) call(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeCallBody(body, c.h.opts.MaxDataSize)
	if err != nil {
		return nil, err
	}
	call := Call{Requester: c.who.requester(c.meta, c.claims), Method: in.Method, Params: bytes.Clone(in.Params)}
	if in.Channel == "" {
		connect, err := c.connectGrant()
		if err == nil {
			err = permitCall(in.Method, connect.ResolveCall)
		}
		if err != nil {
			return nil, err
		}
	} else {
		if c.accessErr != nil {
			return nil, c.accessErr
		}
		if err := c.access.permitCall(in.Method); err != nil {
			return nil, err
		}
		call.Requester, call.Channel = c.who.requester(c.access.meta, c.claims), strings.Clone(c.access.channel)
	}
	running, err := c.h.calls.beginRequest(ctx, c.id, in.Method)
	if err != nil {
		return nil, err
	}
	defer running.end()
	result, err := running.run(call)
	if err != nil && running.ctx.Err() != nil {
		return nil, &Error{Code: CodeUnavailable, Message: cutOff, cause: err}
	}
	if err != nil {
		return nil, err
	}
	return wire.AppendResult(nil, in.Channel, result, ""), nil
}
