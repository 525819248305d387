-- name: InsertAuditEvents :copyfrom
INSERT INTO audit_event (at, action, tenant_id, user_id, client_id, session_id, grant_id, token_id, address, request_id, detail, actor, target)
VALUES (@at, @action, @tenant_id, @user_id, @client_id, @session_id, @grant_id, @token_id, @address, @request_id, @detail,
        @actor, @target);
